#[cell] fn a(b: &i32) -> i32 { 1 }
#[cell] fn b(_a: i32, c: i32) -> i32 { 1 }
#[cell] fn c(c: &mut i32) {}
#[cell] fn a() {}
fn c() {}
