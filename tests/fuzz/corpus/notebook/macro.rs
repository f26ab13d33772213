macro_rules! m { ($x:expr) => { fn f() { $x } } }
m! { 1 }
m!(2);
m![3];
thread_local! { static A: u8 = 1; }
