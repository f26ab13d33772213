type A<'a, T> = &'a mut T;
type B<'x> = A<'x, Vec<i32>>;
type L = L;
struct V<'a>(&'a str);
#[cell] fn v(l: L, b: B, c: crate::A<'_, u8>) -> V { x }
#[cell] fn b() -> Vec<V<'static>> { x }
