//! # T

/// one
#[cell]
pub fn one() -> i32 {
    if true { 1

// # Free

/// two
#[cell]
pub fn two(one: &i32) -> i32 { let s = "abc; *one }

const X: i32 = 1;
// attached
#[cell(
pub fn three(two: &i32) -> i32 { 3 }

#[venus::cell]
pub f four() {}

#[cell]
fn five() { } }

#[cell]
fn six(three: i32, five: &i32) { 1 }
struct A { x: i32
const RAW: &str = "
#[cell]
fn not_a_cell() {}
";
/* never
#[cell]
fn seven() {}
