//! ```cargo
//! [#![allow(x)]
#! ~~~(x)]
#! ~~~ cargo

