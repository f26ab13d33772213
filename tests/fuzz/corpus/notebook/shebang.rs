#!/bin/x
#![allow(x)]
#[cell]
fn r#type(r#fn: &str) {}
