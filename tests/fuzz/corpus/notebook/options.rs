#[cell(volatile, cache)]
fn a() {}
#[cell(timeout = 5, memory = "1.5G")]
fn b() {}
#[cell = 1]
fn c() {}
#[cell(,)]
#[cell]
fn d() {}
