//! `Json(value)`: whatever has an encoding, as indented JSON. The encoding is walked, so that this needs no second description of each type.

use std::fmt::Write;

use crate::cbor::{Item, Reader, Writer, DEPTH_MAX};
use crate::codec::{Dec, Enc};
use crate::render::Render;

/// Shows its content as indented JSON.
#[derive(Clone, Debug, PartialEq)]
pub struct Json<T>(pub T);

impl<T: Enc> Render for Json<T> {
    fn render_text(&self) -> String {
        text_of(&self.0)
    }

    fn render_data(&self) -> Option<String> {
        Some(text_of(&self.0))
    }
}

impl<T: Enc> Enc for Json<T> {
    fn enc(&self, w: &mut Writer) -> crate::cbor::Done {
        self.0.enc(w)
    }
}

impl<T: Dec> Dec for Json<T> {
    fn dec(r: &mut Reader<'_>) -> Option<Json<T>> {
        T::dec(r).map(Json)
    }
}

fn text_of<T: Enc + ?Sized>(value: &T) -> String {
    let mut w = Writer::new();
    if value.enc(&mut w).is_err() {
        return "(a part of this value has no JSON form)".to_owned();
    }
    from_cbor(&w.out).unwrap_or_else(|| "(this value is nested too deeply for JSON)".to_owned())
}

/// Indented JSON of one CBOR item. `None` if the bytes are not one, or nested too deeply.
pub fn from_cbor(data: &[u8]) -> Option<String> {
    let mut out = String::new();
    let mut r = Reader::new(data);
    value(&mut r, &mut out, 0)?;
    (r.left() == 0).then(|| out)
}

fn value(r: &mut Reader<'_>, out: &mut String, depth: u32) -> Option<()> {
    if depth > 2 * DEPTH_MAX {
        return None;
    }
    match r.item()? {
        Item::Uint(n) => number(out, n),
        Item::Nint(n) => number(out, !(n as i128)),
        Item::Bytes(bytes) => row(out, bytes.iter().copied()),
        Item::Text(text) => string(out, text),
        Item::Array(count) => return array(r, out, count, depth),
        Item::Map(count) => return map(r, out, count, depth),
        Item::Tag(tag) => return tagged(r, out, tag, depth),
        Item::Null => out.push_str("null"),
        Item::Bool(value) => number(out, value),
        Item::Float(value) => float(out, value),
    }
    Some(())
}

fn number(out: &mut String, n: impl std::fmt::Display) {
    // Writing to a String cannot fail.
    let _ = write!(out, "{n}");
}

/// JSON has no infinities and no NaN.
fn float(out: &mut String, value: f64) {
    match value.is_finite() {
        true => {
            let _ = write!(out, "{value:?}");
        }
        false => out.push_str("null"),
    }
}

fn string(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if (c as u32) < 0x20 || c == '\u{7f}' => {
                let _ = write!(out, "\\u{:04x}", c as u32);
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

fn line(out: &mut String, depth: u32) {
    out.push('\n');
    for _ in 0..depth {
        out.push_str("  ");
    }
}

fn array(r: &mut Reader<'_>, out: &mut String, count: usize, depth: u32) -> Option<()> {
    out.push('[');
    for index in 0..count {
        if index > 0 {
            out.push(',');
        }
        line(out, depth + 1);
        value(r, out, depth + 1)?;
    }
    if count > 0 {
        line(out, depth);
    }
    out.push(']');
    Some(())
}

fn map(r: &mut Reader<'_>, out: &mut String, count: usize, depth: u32) -> Option<()> {
    out.push('{');
    for index in 0..count {
        if index > 0 {
            out.push(',');
        }
        line(out, depth + 1);
        let mut key = String::new();
        value(r, &mut key, depth + 1)?;
        match key.starts_with('"') {
            true => out.push_str(&key),
            false => string(out, &key),
        }
        out.push_str(": ");
        value(r, out, depth + 1)?;
    }
    if count > 0 {
        line(out, depth);
    }
    out.push('}');
    Some(())
}

/// Numbers in a row go on one line.
fn row<T: std::fmt::Debug>(out: &mut String, items: impl Iterator<Item = T>) {
    out.push('[');
    for (index, item) in items.enumerate() {
        if index > 0 {
            out.push_str(", ");
        }
        let _ = write!(out, "{item:?}");
    }
    out.push(']');
}

fn floats(out: &mut String, items: impl Iterator<Item = f64>) {
    out.push('[');
    for (index, item) in items.enumerate() {
        if index > 0 {
            out.push_str(", ");
        }
        float(out, item);
    }
    out.push(']');
}

macro_rules! typed {
    ($out:expr, $bytes:expr, $t:ty) => {
        row($out, each::<{ std::mem::size_of::<$t>() }>($bytes).map(<$t>::from_le_bytes))
    };
}

fn each<const N: usize>(bytes: &[u8]) -> impl Iterator<Item = [u8; N]> + '_ {
    bytes.chunks_exact(N).map(|chunk| {
        let mut one = [0; N];
        one.copy_from_slice(chunk);
        one
    })
}

fn tagged(r: &mut Reader<'_>, out: &mut String, tag: u64, depth: u32) -> Option<()> {
    let inner = match tag {
        2 | 3 | 64..=86 => r.bytes()?,
        _ => return value(r, out, depth + 1),
    };
    match tag {
        2 | 3 if inner.len() <= 16 => {
            let n = inner.iter().fold(0u128, |n, byte| n << 8 | *byte as u128);
            match tag {
                2 => number(out, n),
                _ => number(out, !(n as i128)),
            }
        }
        64 => row(out, inner.iter()),
        69 => typed!(out, inner, u16),
        70 => typed!(out, inner, u32),
        71 => typed!(out, inner, u64),
        72 => typed!(out, inner, i8),
        77 => typed!(out, inner, i16),
        78 => typed!(out, inner, i32),
        79 => typed!(out, inner, i64),
        85 => floats(out, each(inner).map(|bytes| single(f32::from_le_bytes(bytes)))),
        86 => floats(out, each(inner).map(f64::from_le_bytes)),
        _ => return None,
    }
    Some(())
}

/// The double that reads like this single: 0.1, not 0.10000000149011612.
fn single(value: f32) -> f64 {
    value.to_string().parse().unwrap_or(value as f64)
}
