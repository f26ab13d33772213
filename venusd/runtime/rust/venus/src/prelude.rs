//! What `use venus::prelude::*` brings.

pub use crate::json::Json;
pub use crate::marks::*;
pub use crate::render::Render;
pub use crate::widgets::*;
