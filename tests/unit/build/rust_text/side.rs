pub mod sub;
pub fn scaled(x: f64) -> f64 {
    x * super::SCALE + crate::SCALE
}
macro_rules! tripled {
    ($x:expr) => {
        $crate::side::sub::triple($x)
    };
}
