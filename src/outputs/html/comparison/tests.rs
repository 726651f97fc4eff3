use super::*;
use crate::outputs::comparison::{compare, tests::run};

#[test]
fn what_is_worse_comes_first_and_the_curves_last() {
    let (base, with) = ([run("fast", 1.0, 1)], [run("slow", 1.3, 2)]);
    let page = comparison(&compare(&base, &with), &base, &with);
    let at = |text: &str| page.find(text).unwrap_or_else(|| panic!("no {text}"));
    let order =
        ["<strong>Worse</strong>", "worse: ws_connecting", ">Runs<", ">Values<", ">Over time<", ">All percentiles<"];
    assert!(order.windows(2).all(|two| at(two[0]) < at(two[1])));
}

#[test]
fn names_of_runs_are_text() {
    let evil = "<script>alert(1)</script>";
    let (base, with) = ([run(evil, 1.0, 1)], [run("other", 1.0, 2)]);
    let page = comparison(&compare(&base, &with), &base, &with);
    assert!(page.contains("<strong>No significant difference</strong>"));
    assert_eq!(page.matches("<script>").count(), 1, "our own");
}
