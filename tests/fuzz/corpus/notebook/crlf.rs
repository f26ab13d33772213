#!/usr/bin/env venusctl
//! # Title here
//! text
//!
//! ```cargo
//! [dependencies]
//! rand = "0.8"
//! ```

//! second run
use venus::prelude::*;

// free standing
// two

// attached
const SCALE: f64 = 2.0; // trailing

type R<'a> = &'a Config;
type G<'a, T> = &'a mut Vec<T>;

#[derive(Debug)]
// inside
struct Config { n: i32 }

impl Config { #[venus::cell] fn m(&self) {} }

/// # Settings
///
/// More.
#[venus::cell(volatile, timeout = "5s", memory = "512M")]
#[venus::hide]
pub fn config() -> Config { Config { n: 10 } }

#[venus::cell] pub fn total(config: &Config, mut _c: R) -> f64 { config.n as f64 * SCALE }
/** # Block
 *  doc
 */
#[cell(tiemout = "1s")]
fn a(b: G<Foo>, totl: f64) -> i32 { 1 }
#[cell]
fn b(a: i32, (x, y): (i32, i32)) -> Box<dyn Fn(&str) -> &str> { 1 }
thread_local!(static X: i32 = 1);
thread_local! { static X: i32 = 1 }
#[cell] async fn g<T>(total: f64) -> impl Foo { }
unsafe extern "C" { safe fn foo(); }
#[unsafe(no_mangle)] pub fn zz() {}
/* x */
/*! # Inner */
