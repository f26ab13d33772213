//! ```cargo
//! [dependencies]
//! ```
//! ````md
//! ```cargo
//! ````
//! ~~~ cargo
