//! How a type becomes CBOR and comes back. The driver writes impls for a notebook's types; those of std's are in `codec_std`.
//!
//! Both traits are one capability: what can only be written would never be read, so probes ask for both.

use crate::cbor::{Done, Reader, Writer};

pub trait Enc {
    fn enc(&self, w: &mut Writer) -> Done;

    /// Elements in a row: numbers have a typed array.
    fn enc_slice(items: &[Self], w: &mut Writer) -> Done
    where
        Self: Sized,
    {
        w.array(items.len());
        items.iter().try_for_each(|item| item.enc(w))
    }
}

pub trait Dec: Sized {
    /// `None`: the bytes are not of this type. They may be hostile.
    fn dec(r: &mut Reader<'_>) -> Option<Self>;

    fn dec_vec(r: &mut Reader<'_>) -> Option<Vec<Self>> {
        let count = r.count()?;
        let mut items = room(count);
        for _ in 0..count {
            items.push(Self::dec(r)?);
        }
        Some(items)
    }
}

/// A vector for `count` promised elements; beyond the first few KiB it grows with what is really there.
pub fn room<T>(count: usize) -> Vec<T> {
    let size = std::mem::size_of::<T>().max(1);
    Vec::with_capacity(count.min(4096 / size + 1))
}

/// `None` when a part of the value has no encoding.
pub fn encode<T: Enc + ?Sized>(value: &T, w: &mut Writer) -> Done {
    value.enc(w)
}

/// All of `data` must be the value.
pub fn decode<T: Dec>(data: &[u8]) -> Option<T> {
    let mut r = Reader::new(data);
    let value = T::dec(&mut r)?;
    (r.left() == 0).then(|| value)
}
