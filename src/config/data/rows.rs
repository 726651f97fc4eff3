//! Which row an iteration has: a function of numbers that are known before the run, so that it is
//! the same for any number of workers, and agents of a fleet need not ask each other.

use std::{
    cell::{Cell, RefCell},
    sync::Arc,
};

use crate::config::{
    data::{Data, table},
    template::{Draws, variables::Form},
};

/// Which row an iteration has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// VU n begins with row n and goes on with the next one in each iteration.
    #[default]
    Sequential,
    /// Any row, drawn anew for each iteration.
    Random,
    /// VU n has row n in all its iterations, and no other VU of the scenario has it.
    PerVu,
    /// No row comes twice in a scenario: of V VUs, VU n has the rows n, n + V, n + 2V and so on.
    Unique,
}

/// What comes after the last row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenExhausted {
    /// The first row again.
    Recycle,
    /// No row: steps that need one fail.
    Fail,
}

/// An iteration, as its row depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turn {
    /// The VU's number in the whole run, from 1.
    pub vu: u64,
    /// Most VUs of the scenario on all agents.
    pub vus: u64,
    /// The iteration's number within the VU, from 0.
    pub iteration: u64,
    /// Of random rows.
    pub seed: u64,
}

/// The row of an iteration, if there is one left.
#[must_use]
pub fn row(order: Order, when_exhausted: WhenExhausted, rows: u32, turn: &Turn) -> Option<u32> {
    let rows = u64::from(rows);
    if rows == 0 {
        return None;
    }
    let vu = turn.vu.saturating_sub(1);
    let number = match order {
        Order::Sequential => vu.saturating_add(turn.iteration),
        Order::Random => {
            let draws = Draws::new(turn.seed, turn.vu, turn.iteration);
            draws.between(0, i64::try_from(rows - 1).unwrap_or(i64::MAX)).cast_unsigned()
        }
        Order::PerVu => vu,
        Order::Unique => turn.iteration.saturating_mul(turn.vus).saturating_add(vu),
    };
    let number = match when_exhausted {
        WhenExhausted::Recycle => number % rows,
        WhenExhausted::Fail if number < rows => number,
        WhenExhausted::Fail => return None,
    };
    u32::try_from(number).ok()
}

/// The rows of one iteration, by file. A row is looked up when it is first needed.
#[derive(Debug)]
pub struct Rows {
    data: Arc<[Data]>,
    turn: Turn,
    /// The cells of the row, and whether they are of this turn.
    cells: Vec<(Cell<bool>, RefCell<Vec<table::Cell>>)>,
}

impl Default for Rows {
    fn default() -> Self {
        Self::new(Arc::from([]))
    }
}

impl Rows {
    /// No rows yet, of these files.
    #[must_use]
    pub fn new(data: Arc<[Data]>) -> Self {
        let turn = Turn { vu: 0, vus: 0, iteration: 0, seed: 0 };
        Self { cells: data.iter().map(|_| Default::default()).collect(), data, turn }
    }

    /// An iteration begins.
    pub fn begin(&mut self, turn: Turn) {
        self.turn = turn;
        self.cells.iter().for_each(|(is_current, _)| is_current.set(false));
    }

    /// A cell, if there is a row and it has a value.
    #[must_use]
    pub fn get(&self, file: usize, column: usize) -> Option<(&str, Form)> {
        let (data, (is_current, cells)) = (self.data.get(file)?, self.cells.get(file)?);
        let mut cells = cells.borrow_mut();
        if !is_current.replace(true) {
            // Files in the same order of a flow do not share their draws.
            let turn = Turn { seed: self.turn.seed.wrapping_add(1 + file as u64), ..self.turn };
            match row(data.order, data.when_exhausted, data.table.rows(), &turn) {
                Some(row) => data.table.find(row, &mut cells),
                None => cells.clear(),
            }
        }
        data.table.text(*cells.get(column)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn turn(vu: u64, vus: u64, iteration: u64, seed: u64) -> Turn {
        Turn { vu, vus, iteration, seed }
    }

    proptest! {
        #[test]
        fn unique_rows_come_once_and_all_of_them(rows in 1u32..100, vus in 1u64..12) {
            let mut seen = BTreeSet::new();
            for vu in 1..=vus {
                for iteration in 0..100 {
                    if let Some(row) = row(Order::Unique, WhenExhausted::Fail, rows, &turn(vu, vus, iteration, 0)) {
                        prop_assert!(seen.insert(row), "{} twice", row);
                    }
                }
            }
            prop_assert_eq!(seen.len(), rows as usize);
        }

        #[test]
        fn every_row_is_one_of_the_file(rows in 0u32..50, vu in 1u64..100, iteration in 0u64..100, seed: u64) {
            for order in [Order::Sequential, Order::Random, Order::PerVu, Order::Unique] {
                match row(order, WhenExhausted::Recycle, rows, &turn(vu, 7, iteration, seed)) {
                    Some(row) => prop_assert!(row < rows),
                    None => prop_assert_eq!(rows, 0),
                }
            }
        }
    }

    #[test]
    fn the_orders_are_what_they_are_named_for() {
        let of = |order, vu, iteration| row(order, WhenExhausted::Recycle, 5, &turn(vu, 2, iteration, 0)).unwrap();
        assert_eq!([0, 1, 4].map(|iteration| of(Order::Sequential, 2, iteration)), [1, 2, 0]);
        assert_eq!([0, 1, 4].map(|iteration| of(Order::PerVu, 2, iteration)), [1, 1, 1]);
        assert_eq!([0, 1, 2].map(|iteration| of(Order::Unique, 2, iteration)), [1, 3, 0]);
        let left = row(Order::PerVu, WhenExhausted::Fail, 5, &turn(6, 9, 0, 0));
        assert_eq!(left, None);
    }
}
