//! The cells of a file in about its own size: one behind the other, each after its length, with
//! the place of every eighth row. A separator and a quote in the file pay for a length here.

use std::fmt;

use crate::config::template::variables::Form;

/// Rows between two known places. 8 bytes for 8 rows are at most half of the shortest row (a digit and a line break).
const STRIDE: usize = 8;

/// The rows of a file. They may be secrets: none is in a `Debug` text.
pub struct Table {
    columns: Vec<String>,
    cells: Vec<u8>,
    /// Where every eighth row begins in `cells`.
    places: Vec<u64>,
    rows: u32,
}

impl fmt::Debug for Table {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Table({} rows of {:?})", self.rows, self.columns)
    }
}

/// A cell before its text: `len * 2 + is_json + 1` in seven bits a byte, the last one below 128; 0 without a value.
fn read_head(cells: &[u8], at: &mut usize) -> u64 {
    let (mut head, mut shift) = (0, 0);
    loop {
        let byte = cells.get(*at).copied().unwrap_or(0);
        *at += 1;
        head |= u64::from(byte & 127) << shift;
        if byte < 128 {
            return head;
        }
        shift += 7;
    }
}

impl Table {
    /// Names of the columns.
    #[must_use]
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// How many rows there are.
    #[must_use]
    pub fn rows(&self) -> u32 {
        self.rows
    }

    /// Bytes that the table takes.
    #[must_use]
    pub fn size(&self) -> usize {
        self.cells.capacity() + 8 * self.places.capacity()
    }

    /// Puts where the cells of a row are into `cells`; none behind the last row.
    pub fn find(&self, row: u32, cells: &mut Vec<Cell>) {
        cells.clear();
        let row = row as usize;
        let Some(place) = self.places.get(row / STRIDE).filter(|_| row < self.rows as usize) else { return };
        let mut at = *place as usize;
        for _ in 0..(row % STRIDE) * self.columns.len() {
            self.next(&mut at);
        }
        cells.extend((0..self.columns.len()).map(|_| self.next(&mut at)));
    }

    fn next(&self, at: &mut usize) -> Cell {
        let head = read_head(&self.cells, at);
        let (start, length) = (*at, (head.saturating_sub(1) / 2) as usize);
        *at += length;
        let form = match head {
            0 => None,
            _ if head % 2 == 1 => Some(Form::Text),
            _ => Some(Form::Json),
        };
        Cell { start, length, form }
    }

    /// The text of a cell, if it has a value.
    #[must_use]
    pub fn text(&self, cell: Cell) -> Option<(&str, Form)> {
        let bytes = self.cells.get(cell.start..cell.start + cell.length)?;
        Some((str::from_utf8(bytes).ok()?, cell.form?))
    }
}

/// Where a cell is.
#[derive(Debug, Clone, Copy)]
pub struct Cell {
    start: usize,
    length: usize,
    form: Option<Form>,
}

/// A table that is being read, row by row.
pub(super) struct Builder(Table);

impl Builder {
    /// Room for a file of `size` bytes; what is not used is given back.
    pub(super) fn new(size: usize) -> Self {
        let (columns, places) = (Vec::new(), Vec::new());
        Self(Table { columns, cells: Vec::with_capacity(size), places, rows: 0 })
    }

    pub(super) fn columns(&self) -> &[String] {
        &self.0.columns
    }

    pub(super) fn add_column(&mut self, name: &str) {
        self.0.columns.push(name.to_owned());
    }

    /// Begins a row; one cell for each column follows.
    pub(super) fn begin_row(&mut self) -> Result<(), super::Error> {
        if (self.0.rows as usize).is_multiple_of(STRIDE) {
            self.0.places.push(self.0.cells.len() as u64);
        }
        self.0.rows = self.0.rows.checked_add(1).ok_or(super::Error::Rows)?;
        Ok(())
    }

    pub(super) fn add_cell(&mut self, cell: Option<(&str, Form)>) {
        let Some((text, form)) = cell else { return self.0.cells.push(0) };
        let mut head = text.len() as u64 * 2 + u64::from(form == Form::Json) + 1;
        while head > 127 {
            self.0.cells.push((head & 127) as u8 | 128);
            head >>= 7;
        }
        self.0.cells.push(head as u8);
        self.0.cells.extend_from_slice(text.as_bytes());
    }

    pub(super) fn finish(mut self) -> Table {
        self.0.cells.shrink_to_fit();
        self.0.places.shrink_to_fit();
        self.0
    }
}
