//! The names of the attributes and derives. venus cuts them from the text before it compiles it; what is left of them there is that a `use` of
//! one resolves. With the feature `macros` they are real, for cargo and rust-analyzer.

#[cfg(feature = "macros")]
pub use venus_macros::{cell, hide, Archive, RkyvDeserialize, RkyvSerialize};

#[cfg(not(feature = "macros"))]
mod names {
    #[doc(hidden)]
    #[macro_export]
    macro_rules! __mark {
        () => {};
    }
    pub use crate::__mark as cell;
    pub use crate::__mark as hide;
    pub use crate::__mark as Archive;
    pub use crate::__mark as RkyvSerialize;
    pub use crate::__mark as RkyvDeserialize;
}
#[cfg(not(feature = "macros"))]
pub use names::*;
