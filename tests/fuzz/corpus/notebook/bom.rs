//! # T
#[cell]
fn a() -> i32 { 1 }
