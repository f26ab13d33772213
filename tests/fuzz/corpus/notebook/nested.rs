mod m { #[cell] fn a() {} }
impl X { #[venus::cell] pub fn b(&self) {} }
trait T { #[cell] fn c(); }
