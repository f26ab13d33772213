//! CBOR as RFC 8949 §4.2 wants it when the same value must always give the same bytes: shortest heads, shortest floats, definite lengths.
//! The reader takes hostile bytes: it checks every length against what is left and never allocates for a promise.

/// A value, or a part of it, that has no encoding. Such a value is kept in memory only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct No;

pub type Done = Result<(), No>;

/// How deep types of a notebook may be nested in a value: the walk is recursive and must fit a worker's stack.
pub const DEPTH_MAX: u32 = 512;
/// Above this an encoding is given up: values that share parts (`Rc`) may unfold without end.
pub const LENGTH_MAX: usize = 1 << 31;

const UINT: u8 = 0;
const NINT: u8 = 1;
const BYTES: u8 = 2;
const TEXT: u8 = 3;
const ARRAY: u8 = 4;
const MAP: u8 = 5;
const TAG: u8 = 6;
const SIMPLE: u8 = 7;

pub const NULL: u8 = 0xf6;
const FALSE: u8 = 0xf4;
const TRUE: u8 = 0xf5;
const FLOAT16: u8 = 0xf9;
const FLOAT32: u8 = 0xfa;
const FLOAT64: u8 = 0xfb;
const TAG_BIG: u64 = 2;
const TAG_NEGATIVE_BIG: u64 = 3;
/// Stands before the content of a `Some` that would read as a `None` without it.
pub const SOME: [u8; 5] = [0xda, 0x00, 0x76, 0x65, 0x6e];

/// Encoded bytes under construction.
#[derive(Default)]
pub struct Writer {
    pub out: Vec<u8>,
    /// Something was met that can change behind a shared reference, or that is shared itself.
    pub interior: bool,
    depth: u32,
}

impl Writer {
    pub fn new() -> Writer {
        Writer::default()
    }

    /// Called on the way into a notebook's type; `leave` on the way out.
    pub fn enter(&mut self) -> Done {
        if self.depth >= DEPTH_MAX || self.out.len() > LENGTH_MAX {
            return Err(No);
        }
        self.depth += 1;
        Ok(())
    }

    pub fn leave(&mut self) {
        self.depth -= 1;
    }

    fn head(&mut self, major: u8, n: u64) {
        let major = major << 5;
        if n < 24 {
            self.out.push(major | n as u8);
        } else if n <= 0xff {
            self.out.extend_from_slice(&[major | 24, n as u8]);
        } else if n <= 0xffff {
            self.out.push(major | 25);
            self.out.extend_from_slice(&(n as u16).to_be_bytes());
        } else if n <= 0xffff_ffff {
            self.out.push(major | 26);
            self.out.extend_from_slice(&(n as u32).to_be_bytes());
        } else {
            self.out.push(major | 27);
            self.out.extend_from_slice(&n.to_be_bytes());
        }
    }

    pub fn uint(&mut self, n: u64) {
        self.head(UINT, n);
    }

    pub fn int(&mut self, n: i64) {
        if n < 0 {
            self.head(NINT, !(n as u64));
        } else {
            self.head(UINT, n as u64);
        }
    }

    pub fn wide(&mut self, n: u128) {
        if n <= u64::MAX as u128 {
            self.uint(n as u64);
        } else {
            self.big(TAG_BIG, n);
        }
    }

    pub fn wide_signed(&mut self, n: i128) {
        if n >= 0 {
            self.wide(n as u128);
        } else if !(n as u128) <= u64::MAX as u128 {
            self.head(NINT, !(n as u128) as u64);
        } else {
            self.big(TAG_NEGATIVE_BIG, !(n as u128));
        }
    }

    fn big(&mut self, tag: u64, n: u128) {
        self.head(TAG, tag);
        let bytes = n.to_be_bytes();
        self.bytes(&bytes[n.leading_zeros() as usize / 8..]);
    }

    pub fn bytes(&mut self, bytes: &[u8]) {
        self.head(BYTES, bytes.len() as u64);
        self.out.extend_from_slice(bytes);
    }

    pub fn text(&mut self, text: &str) {
        self.head(TEXT, text.len() as u64);
        self.out.extend_from_slice(text.as_bytes());
    }

    pub fn array(&mut self, count: usize) {
        self.head(ARRAY, count as u64);
    }

    pub fn map(&mut self, count: usize) {
        self.head(MAP, count as u64);
    }

    pub fn tag(&mut self, tag: u64) {
        self.head(TAG, tag);
    }

    pub fn null(&mut self) {
        self.out.push(NULL);
    }

    pub fn boolean(&mut self, value: bool) {
        self.out.push(if value { TRUE } else { FALSE });
    }

    pub fn double(&mut self, value: f64) {
        let bits = value.to_bits();
        match narrow32(bits) {
            None => {
                self.out.push(FLOAT64);
                self.out.extend_from_slice(&bits.to_be_bytes());
            }
            Some(single) => match narrow16(single) {
                None => {
                    self.out.push(FLOAT32);
                    self.out.extend_from_slice(&single.to_be_bytes());
                }
                Some(half) => {
                    self.out.push(FLOAT16);
                    self.out.extend_from_slice(&half.to_be_bytes());
                }
            },
        }
    }

    pub fn single(&mut self, value: f32) {
        self.double(f64::from_bits(widen32(value.to_bits())));
    }
}

/// The bits of the `f32` that has exactly the value (and NaN payload) of these `f64` bits.
fn narrow32(bits: u64) -> Option<u32> {
    let sign = ((bits >> 63) as u32) << 31;
    let exponent = ((bits >> 52) & 0x7ff) as i32;
    let mantissa = bits & 0x000f_ffff_ffff_ffff;
    let cut = |value: u64, shift: u32| {
        (value & ((1u64 << shift) - 1) == 0).then(|| (value >> shift) as u32)
    };
    if exponent == 0x7ff {
        return Some(sign | 0x7f80_0000 | cut(mantissa, 29)?);
    }
    if exponent == 0 {
        return if mantissa == 0 { Some(sign) } else { None };
    }
    match exponent - 1023 {
        e @ -126..=127 => Some(sign | ((e + 127) as u32) << 23 | cut(mantissa, 29)?),
        e @ -149..=-127 => Some(sign | cut(mantissa | 1 << 52, (29 - 126 - e) as u32)?),
        _ => None,
    }
}

fn narrow16(bits: u32) -> Option<u16> {
    let sign = ((bits >> 31) as u16) << 15;
    let exponent = ((bits >> 23) & 0xff) as i32;
    let mantissa = bits & 0x007f_ffff;
    let cut = |value: u32, shift: u32| {
        (value & ((1u32 << shift) - 1) == 0).then(|| (value >> shift) as u16)
    };
    if exponent == 0xff {
        return Some(sign | 0x7c00 | cut(mantissa, 13)?);
    }
    if exponent == 0 {
        return if mantissa == 0 { Some(sign) } else { None };
    }
    match exponent - 127 {
        e @ -14..=15 => Some(sign | ((e + 15) as u16) << 10 | cut(mantissa, 13)?),
        e @ -24..=-15 => Some(sign | cut(mantissa | 1 << 23, (13 - 14 - e) as u32)?),
        _ => None,
    }
}

/// A conversion by `as` would set the quiet bit of a NaN.
fn widen32(bits: u32) -> u64 {
    let value = f32::from_bits(bits);
    if !value.is_nan() {
        return (value as f64).to_bits();
    }
    ((bits >> 31) as u64) << 63 | 0x7ff << 52 | ((bits & 0x007f_ffff) as u64) << 29
}

fn widen16(bits: u16) -> u64 {
    let sign = ((bits >> 15) as u64) << 63;
    let exponent = ((bits >> 10) & 0x1f) as u64;
    let mantissa = (bits & 0x3ff) as u64;
    match exponent {
        0 => sign | (mantissa as f64 / 16_777_216.0).to_bits(),
        31 => sign | 0x7ff << 52 | mantissa << 42,
        _ => sign | (exponent + 1023 - 15) << 52 | mantissa << 42,
    }
}

/// One item's head, and what of its content is at hand.
pub enum Item<'a> {
    Uint(u64),
    /// -1 - n
    Nint(u64),
    Bytes(&'a [u8]),
    Text(&'a str),
    Array(usize),
    Map(usize),
    Tag(u64),
    Null,
    Bool(bool),
    Float(f64),
}

/// A position in encoded bytes.
pub struct Reader<'a> {
    data: &'a [u8],
    at: usize,
    depth: u32,
}

impl<'a> Reader<'a> {
    pub fn new(data: &'a [u8]) -> Reader<'a> {
        Reader { data, at: 0, depth: 0 }
    }

    pub fn left(&self) -> usize {
        self.data.len() - self.at
    }

    pub fn at(&self) -> usize {
        self.at
    }

    pub fn slice(&self, from: usize, to: usize) -> &'a [u8] {
        &self.data[from..to]
    }

    pub fn enter(&mut self) -> Option<()> {
        if self.depth >= DEPTH_MAX {
            return None;
        }
        self.depth += 1;
        Some(())
    }

    pub fn leave(&mut self) {
        self.depth -= 1;
    }

    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        if count > self.left() {
            return None;
        }
        let bytes = &self.data[self.at..self.at + count];
        self.at += count;
        Some(bytes)
    }

    fn number(&mut self, count: usize) -> Option<u64> {
        Some(self.take(count)?.iter().fold(0, |n, byte| n << 8 | *byte as u64))
    }

    /// Major type, and argument in its shortest form.
    fn head(&mut self) -> Option<(u8, u8, u64)> {
        let first = self.take(1)?[0];
        let (major, info) = (first >> 5, first & 31);
        let n = match info {
            0..=23 => info as u64,
            24..=27 => self.number(1 << (info - 24))?,
            _ => return None,
        };
        let shortest = match info {
            24 => n >= 24,
            25 => n > 0xff,
            26 => n > 0xffff,
            27 => n > 0xffff_ffff,
            _ => true,
        };
        (major == SIMPLE || shortest).then(|| (major, info, n))
    }

    /// The next item; a container's elements follow.
    pub fn item(&mut self) -> Option<Item<'a>> {
        let (major, info, n) = self.head()?;
        Some(match major {
            UINT => Item::Uint(n),
            NINT => Item::Nint(n),
            BYTES => Item::Bytes(self.take(usize::try_from(n).ok()?)?),
            TEXT => {
                Item::Text(std::str::from_utf8(self.take(usize::try_from(n).ok()?)?).ok()?)
            }
            // Each element takes a byte at least, so that a count above what is left is a lie.
            ARRAY if n <= self.left() as u64 => Item::Array(n as usize),
            MAP if n <= self.left() as u64 / 2 => Item::Map(n as usize),
            TAG => Item::Tag(n),
            SIMPLE => match info {
                20 => Item::Bool(false),
                21 => Item::Bool(true),
                22 => Item::Null,
                25 => Item::Float(f64::from_bits(widen16(n as u16))),
                26 => Item::Float(f64::from_bits(widen32(n as u32))),
                27 => Item::Float(f64::from_bits(n)),
                _ => return None,
            },
            _ => return None,
        })
    }

    /// Steps over `bytes` if they come next.
    pub fn skip(&mut self, bytes: &[u8]) -> bool {
        let found = self.data[self.at..].starts_with(bytes);
        if found {
            self.at += bytes.len();
        }
        found
    }

    pub fn wide(&mut self) -> Option<u128> {
        match self.item()? {
            Item::Uint(n) => Some(n as u128),
            Item::Tag(TAG_BIG) => self.big(),
            _ => None,
        }
    }

    pub fn wide_signed(&mut self) -> Option<i128> {
        match self.item()? {
            Item::Uint(n) => Some(n as i128),
            Item::Nint(n) => Some(!(n as i128)),
            Item::Tag(TAG_BIG) => i128::try_from(self.big()?).ok(),
            Item::Tag(TAG_NEGATIVE_BIG) => Some(!i128::try_from(self.big()?).ok()?),
            _ => None,
        }
    }

    fn big(&mut self) -> Option<u128> {
        match self.item()? {
            Item::Bytes(bytes) if bytes.len() > 8 && bytes.len() <= 16 && bytes[0] != 0 => {
                Some(bytes.iter().fold(0, |n, byte| n << 8 | *byte as u128))
            }
            _ => None,
        }
    }

    pub fn uint(&mut self) -> Option<u64> {
        match self.item()? {
            Item::Uint(n) => Some(n),
            _ => None,
        }
    }

    pub fn int(&mut self) -> Option<i64> {
        match self.item()? {
            Item::Uint(n) => i64::try_from(n).ok(),
            Item::Nint(n) => Some(!i64::try_from(n).ok()?),
            _ => None,
        }
    }

    pub fn float(&mut self) -> Option<f64> {
        match self.item()? {
            Item::Float(value) => Some(value),
            _ => None,
        }
    }

    pub fn single(&mut self) -> Option<f32> {
        Some(f32::from_bits(narrow32(self.float()?.to_bits())?))
    }

    pub fn boolean(&mut self) -> Option<bool> {
        match self.item()? {
            Item::Bool(value) => Some(value),
            _ => None,
        }
    }

    pub fn null(&mut self) -> Option<()> {
        match self.item()? {
            Item::Null => Some(()),
            _ => None,
        }
    }

    pub fn text(&mut self) -> Option<&'a str> {
        match self.item()? {
            Item::Text(text) => Some(text),
            _ => None,
        }
    }

    pub fn bytes(&mut self) -> Option<&'a [u8]> {
        match self.item()? {
            Item::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    pub fn tag(&mut self) -> Option<u64> {
        match self.item()? {
            Item::Tag(tag) => Some(tag),
            _ => None,
        }
    }

    pub fn count(&mut self) -> Option<usize> {
        match self.item()? {
            Item::Array(count) => Some(count),
            _ => None,
        }
    }

    pub fn entries(&mut self) -> Option<usize> {
        match self.item()? {
            Item::Map(count) => Some(count),
            _ => None,
        }
    }

    /// An array of exactly `count`.
    pub fn array(&mut self, count: usize) -> Option<()> {
        (self.count()? == count).then(|| ())
    }

    /// A map of exactly `count` entries.
    pub fn map(&mut self, count: usize) -> Option<()> {
        (self.entries()? == count).then(|| ())
    }

    /// This text as a map's key.
    pub fn key(&mut self, key: &str) -> Option<()> {
        (self.text()? == key).then(|| ())
    }

    /// The name of an enum's variant, and whether its content follows.
    pub fn variant(&mut self) -> Option<(&'a str, bool)> {
        match self.item()? {
            Item::Text(name) => Some((name, false)),
            Item::Map(1) => Some((self.text()?, true)),
            _ => None,
        }
    }
}
