//! What a venus notebook sees, and the runtime that its cells are called through.
//!
//! - `render`, `table`, `json`, `widgets`: the notebook's side, gathered in `prelude`.
//! - `cbor`, `codec`: how values are kept (deterministic CBOR, RFC 8949 §4.2, typed arrays of RFC 8746).
//! - `context`: what the running cell may ask for and declares.
//! - `__rt`: what generated text calls: frames, glue, and the probes that choose by type.
//! - `abi`: what venus-worker calls, in C.

mod abi;
mod cbor;
mod codec;
mod codec_std;
mod context;
mod json;
mod marks;
mod names;
pub mod prelude;
mod render;
mod render_std;
#[doc(hidden)]
#[path = "rt.rs"]
pub mod __rt;
mod table;
#[cfg(test)]
mod tests;
#[doc(hidden)]
#[path = "touch.rs"]
pub mod __touch;
mod widgets;

pub use json::Json;
pub use marks::*;
pub use render::Render;
pub use widgets::*;
