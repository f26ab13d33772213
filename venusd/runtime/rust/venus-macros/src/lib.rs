//! Attributes and derives that leave the code as it is: venus reads them from a notebook's text, cargo and rust-analyzer only have to accept them.

use proc_macro::TokenStream;

/// Marks a function as a cell.
#[proc_macro_attribute]
pub fn cell(_options: TokenStream, item: TokenStream) -> TokenStream {
    item
}

/// Hides an item or a cell's source from what people are shown.
#[proc_macro_attribute]
pub fn hide(_options: TokenStream, item: TokenStream) -> TokenStream {
    item
}

/// Accepted, does nothing: every type of a notebook is kept as far as its fields allow.
#[proc_macro_derive(Archive, attributes(rkyv, archive, archive_attr, with, omit_bounds))]
pub fn archive(_item: TokenStream) -> TokenStream {
    TokenStream::new()
}

/// Accepted, does nothing.
#[proc_macro_derive(RkyvSerialize, attributes(rkyv, archive, archive_attr, with, omit_bounds))]
pub fn rkyv_serialize(_item: TokenStream) -> TokenStream {
    TokenStream::new()
}

/// Accepted, does nothing.
#[proc_macro_derive(RkyvDeserialize, attributes(rkyv, archive, archive_attr, with, omit_bounds))]
pub fn rkyv_deserialize(_item: TokenStream) -> TokenStream {
    TokenStream::new()
}
