//! Run by `rustc --test lib.rs`.

mod abi;
mod cbor;
mod codec;
mod probes;
mod render;
mod widgets;
