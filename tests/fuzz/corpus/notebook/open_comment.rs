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

impl Config { #[venus::cell] fn m(&self) {y }

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
#[cell(tien g<T>(total: f64) -> impl Foo { }
unsafe extern "C" { safe f- foo(); }
#[unsafe(no_mangle)] pub fn zz() {}
/* x */
/*! # Inner  trailing

type R<'a> = &'a Config;
type G<'a, T> = &'a mut Vec<T>;

#[derive(Debug)]
// inside
struct Config { n: i32 }

impl Config { #[venus::cell] fn m(&self) {y }

//*/
