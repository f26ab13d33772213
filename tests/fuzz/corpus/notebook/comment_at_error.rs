#[cell]
unsafe fn a<const N: usize>(self, _: i32, &x: &i32, ..., impl Foo) -> &str { 1 }
#[cell]
extern "C" fn b(#[cfg(x)] a: (i32, [u8; 3]), c: fn(&str) -> &str) -> Result<&'static str#!/usr/bin/env venusctl
//! # Title here
//! t, Box<dyn Fn(&u8)>> {e}
