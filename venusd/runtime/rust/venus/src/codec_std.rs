//! The codec of std's types.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::cmp::{Ordering, Reverse};
use std::collections::{
    BTreeMap, BTreeSet, BinaryHeap, HashMap, HashSet, LinkedList, VecDeque,
};
use std::ffi::{OsStr, OsString};
use std::hash::{BuildHasher, Hash};
use std::marker::PhantomData;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::num::*;
use std::ops::{Range, RangeFrom, RangeFull, RangeInclusive, RangeTo};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::atomic::*;
use std::sync::{Arc, Mutex, RwLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::cbor::{Done, Item, No, Reader, Writer, NULL, SOME};
use crate::codec::{Dec, Enc};

/// The numbers as little-endian bytes: as they lie in memory where that is the machine's order.
macro_rules! raw_bytes {
    ($items:expr, $t:ty) => {{
        #[cfg(target_endian = "little")]
        // SAFETY: numbers have no padding, and the bytes live as long as the slice.
        unsafe {
            std::slice::from_raw_parts($items.as_ptr() as *const u8, std::mem::size_of_val($items))
        }
        #[cfg(not(target_endian = "little"))]
        $items.iter().flat_map(|item| item.to_le_bytes()).collect::<Vec<u8>>()
    }};
}

/// Numbers: `$put`/`$get` of the single one, and the typed array's tag (RFC 8746, little-endian).
macro_rules! number {
    ($($t:ty, $put:ident, $as:ty, $get:ident, $tag:expr;)*) => {$(
        impl Enc for $t {
            fn enc(&self, w: &mut Writer) -> Done {
                w.$put(*self as $as);
                Ok(())
            }
            fn enc_slice(items: &[$t], w: &mut Writer) -> Done {
                w.tag($tag);
                w.bytes(&raw_bytes!(items, $t));
                Ok(())
            }
        }
        impl Dec for $t {
            fn dec(r: &mut Reader<'_>) -> Option<$t> {
                <$t>::try_from(r.$get()?).ok()
            }
            fn dec_vec(r: &mut Reader<'_>) -> Option<Vec<$t>> {
                const SIZE: usize = std::mem::size_of::<$t>();
                if r.tag()? != $tag {
                    return None;
                }
                let bytes = r.bytes()?;
                if bytes.len() % SIZE != 0 {
                    return None;
                }
                Some(bytes.chunks_exact(SIZE).map(|chunk| {
                    let mut one = [0u8; SIZE];
                    one.copy_from_slice(chunk);
                    <$t>::from_le_bytes(one)
                }).collect())
            }
        }
    )*};
}

number! {
    u8, uint, u64, uint, 64;
    u16, uint, u64, uint, 69;
    u32, uint, u64, uint, 70;
    u64, uint, u64, uint, 71;
    i8, int, i64, int, 72;
    i16, int, i64, int, 77;
    i32, int, i64, int, 78;
    i64, int, i64, int, 79;
    f32, single, f32, single, 85;
    f64, double, f64, float, 86;
}

macro_rules! plain {
    ($($t:ty: $self:ident, $w:ident => $put:expr; $r:ident => $get:expr;)*) => {$(
        impl Enc for $t {
            fn enc(&$self, $w: &mut Writer) -> Done {
                $put;
                Ok(())
            }
        }
        impl Dec for $t {
            fn dec($r: &mut Reader<'_>) -> Option<$t> {
                $get
            }
        }
    )*};
}

plain! {
    u128: self, w => w.wide(*self); r => r.wide();
    i128: self, w => w.wide_signed(*self); r => r.wide_signed();
    bool: self, w => w.boolean(*self); r => r.boolean();
    (): self, w => w.null(); r => r.null();
    String: self, w => w.text(self); r => Some(r.text()?.to_owned());
    Box<str>: self, w => w.text(self); r => Some(r.text()?.into());
    Rc<str>: self, w => { w.interior = true; w.text(self) }; r => Some(r.text()?.into());
    Arc<str>: self, w => w.text(self); r => Some(r.text()?.into());
    char: self, w => w.text(self.encode_utf8(&mut [0; 4])); r => one_char(r.text()?);
    RangeFull: self, w => w.null(); r => r.null().map(|()| ..);
    Ordering: self, w => w.int(*self as i64); r => ordering(r.int()?);
    PathBuf: self, w => put_os(self.as_os_str(), w); r => get_os(r).map(PathBuf::from);
    OsString: self, w => put_os(self, w); r => get_os(r);
}

macro_rules! by_text {
    ($($t:ty)*) => {$(
        impl Enc for $t {
            fn enc(&self, w: &mut Writer) -> Done {
                w.text(&self.to_string());
                Ok(())
            }
        }
        impl Dec for $t {
            fn dec(r: &mut Reader<'_>) -> Option<$t> {
                r.text()?.parse().ok()
            }
        }
    )*};
}

by_text! { IpAddr Ipv4Addr Ipv6Addr SocketAddr SocketAddrV4 SocketAddrV6 }

macro_rules! non_zero {
    ($($t:ty)*) => {$(
        impl Enc for $t {
            fn enc(&self, w: &mut Writer) -> Done {
                self.get().enc(w)
            }
        }
        impl Dec for $t {
            fn dec(r: &mut Reader<'_>) -> Option<$t> {
                <$t>::new(Dec::dec(r)?)
            }
        }
    )*};
}

non_zero! {
    NonZeroU8 NonZeroU16 NonZeroU32 NonZeroU64 NonZeroU128 NonZeroUsize
    NonZeroI8 NonZeroI16 NonZeroI32 NonZeroI64 NonZeroI128 NonZeroIsize
}

/// Machine-sized numbers travel as 64 bits.
macro_rules! sized {
    ($($t:ty, $as:ty;)*) => {$(
        impl Enc for $t {
            fn enc(&self, w: &mut Writer) -> Done {
                (*self as $as).enc(w)
            }
            fn enc_slice(items: &[$t], w: &mut Writer) -> Done {
                let items: Vec<$as> = items.iter().map(|item| *item as $as).collect();
                <$as>::enc_slice(&items, w)
            }
        }
        impl Dec for $t {
            fn dec(r: &mut Reader<'_>) -> Option<$t> {
                <$t>::try_from(<$as>::dec(r)?).ok()
            }
            fn dec_vec(r: &mut Reader<'_>) -> Option<Vec<$t>> {
                <$as>::dec_vec(r)?.into_iter().map(|item| <$t>::try_from(item).ok()).collect()
            }
        }
    )*};
}

sized! { usize, u64; isize, i64; }

/// What holds one part: as the part itself. `$interior` tells what may change behind a shared reference.
macro_rules! around {
    ($($t:ident, $interior:expr, $self:ident => $part:expr, $make:expr;)*) => {$(
        impl<T: Enc> Enc for $t<T> {
            fn enc(&$self, w: &mut Writer) -> Done {
                w.interior |= $interior;
                $part.enc(w)
            }
        }
        impl<T: Dec> Dec for $t<T> {
            fn dec(r: &mut Reader<'_>) -> Option<$t<T>> {
                T::dec(r).map($make)
            }
        }
    )*};
}

around! {
    Box, false, self => (**self), Box::new;
    Arc, false, self => (**self), Arc::new;
    Rc, true, self => (**self), Rc::new;
    RefCell, true, self => self.try_borrow().map_err(|_| No)?, RefCell::new;
    Mutex, true, self => self.try_lock().map_err(|_| No)?, Mutex::new;
    RwLock, true, self => self.try_read().map_err(|_| No)?, RwLock::new;
    Wrapping, false, self => self.0, Wrapping;
    Reverse, false, self => self.0, Reverse;
}

impl<T: Enc + Copy> Enc for Cell<T> {
    fn enc(&self, w: &mut Writer) -> Done {
        w.interior = true;
        self.get().enc(w)
    }
}

impl<T: Dec> Dec for Cell<T> {
    fn dec(r: &mut Reader<'_>) -> Option<Cell<T>> {
        T::dec(r).map(Cell::new)
    }
}

macro_rules! atomic {
    ($($t:ty)*) => {$(
        impl Enc for $t {
            fn enc(&self, w: &mut Writer) -> Done {
                w.interior = true;
                self.load(std::sync::atomic::Ordering::SeqCst).enc(w)
            }
        }
        impl Dec for $t {
            fn dec(r: &mut Reader<'_>) -> Option<$t> {
                Dec::dec(r).map(<$t>::new)
            }
        }
    )*};
}

atomic! {
    AtomicBool AtomicU8 AtomicU16 AtomicU32 AtomicU64 AtomicUsize
    AtomicI8 AtomicI16 AtomicI32 AtomicI64 AtomicIsize
}

impl Enc for str {
    fn enc(&self, w: &mut Writer) -> Done {
        w.text(self);
        Ok(())
    }
}

impl Enc for Path {
    fn enc(&self, w: &mut Writer) -> Done {
        put_os(self.as_os_str(), w);
        Ok(())
    }
}

impl<T: Enc> Enc for [T] {
    fn enc(&self, w: &mut Writer) -> Done {
        T::enc_slice(self, w)
    }
}

impl<'a> Enc for &'a str {
    fn enc(&self, w: &mut Writer) -> Done {
        w.text(self);
        Ok(())
    }
}

/// For every lifetime, since impls cannot be chosen by one; what is read is leaked, as a `'static` must be.
impl<'a> Dec for &'a str {
    fn dec(r: &mut Reader<'_>) -> Option<&'a str> {
        Some(Box::leak(String::dec(r)?.into_boxed_str()))
    }
}

impl<'a, T: Enc> Enc for &'a [T] {
    fn enc(&self, w: &mut Writer) -> Done {
        T::enc_slice(self, w)
    }
}

impl<'a, T: Dec + 'a> Dec for &'a [T] {
    fn dec(r: &mut Reader<'_>) -> Option<&'a [T]> {
        Some(Box::leak(T::dec_vec(r)?.into_boxed_slice()))
    }
}

impl<'a, B: ToOwned + Enc + ?Sized> Enc for Cow<'a, B> {
    fn enc(&self, w: &mut Writer) -> Done {
        (**self).enc(w)
    }
}

impl<'a, B: ToOwned + ?Sized> Dec for Cow<'a, B>
where
    B::Owned: Dec,
{
    fn dec(r: &mut Reader<'_>) -> Option<Cow<'a, B>> {
        B::Owned::dec(r).map(Cow::Owned)
    }
}

impl<T: ?Sized> Enc for PhantomData<T> {
    fn enc(&self, w: &mut Writer) -> Done {
        w.null();
        Ok(())
    }
}

impl<T: ?Sized> Dec for PhantomData<T> {
    fn dec(r: &mut Reader<'_>) -> Option<PhantomData<T>> {
        r.null().map(|()| PhantomData)
    }
}

impl<T: Enc> Enc for Option<T> {
    fn enc(&self, w: &mut Writer) -> Done {
        let value = match self {
            None => {
                w.null();
                return Ok(());
            }
            Some(value) => value,
        };
        let start = w.out.len();
        value.enc(w)?;
        if w.out[start] == NULL || w.out[start..].starts_with(&SOME) {
            w.out.splice(start..start, SOME.iter().copied());
        }
        Ok(())
    }
}

impl<T: Dec> Dec for Option<T> {
    fn dec(r: &mut Reader<'_>) -> Option<Option<T>> {
        if r.skip(&[NULL]) {
            return Some(None);
        }
        r.skip(&SOME);
        T::dec(r).map(Some)
    }
}

impl<T: Enc, E: Enc> Enc for Result<T, E> {
    fn enc(&self, w: &mut Writer) -> Done {
        w.map(1);
        match self {
            Ok(value) => {
                w.text("Ok");
                value.enc(w)
            }
            Err(error) => {
                w.text("Err");
                error.enc(w)
            }
        }
    }
}

impl<T: Dec, E: Dec> Dec for Result<T, E> {
    fn dec(r: &mut Reader<'_>) -> Option<Result<T, E>> {
        match r.variant()? {
            ("Ok", true) => T::dec(r).map(Ok),
            ("Err", true) => E::dec(r).map(Err),
            _ => None,
        }
    }
}

macro_rules! tuple {
    ($($name:ident $index:tt),* ; $count:expr) => {
        impl<$($name: Enc),*> Enc for ($($name,)*) {
            fn enc(&self, w: &mut Writer) -> Done {
                w.array($count);
                $(self.$index.enc(w)?;)*
                Ok(())
            }
        }
        impl<$($name: Dec),*> Dec for ($($name,)*) {
            fn dec(r: &mut Reader<'_>) -> Option<($($name,)*)> {
                r.array($count)?;
                Some(($($name::dec(r)?,)*))
            }
        }
    };
}

tuple!(A 0; 1);
tuple!(A 0, B 1; 2);
tuple!(A 0, B 1, C 2; 3);
tuple!(A 0, B 1, C 2, D 3; 4);
tuple!(A 0, B 1, C 2, D 3, E 4; 5);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5; 6);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6; 7);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7; 8);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8; 9);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9; 10);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10; 11);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11; 12);

impl<T: Enc, const N: usize> Enc for [T; N] {
    fn enc(&self, w: &mut Writer) -> Done {
        T::enc_slice(self, w)
    }
}

impl<T: Dec, const N: usize> Dec for [T; N] {
    fn dec(r: &mut Reader<'_>) -> Option<[T; N]> {
        <[T; N]>::try_from(T::dec_vec(r)?).ok()
    }
}

macro_rules! list {
    ($($t:ty, $self:ident => $slice:expr, $make:expr;)*) => {$(
        impl<T: Enc> Enc for $t {
            fn enc(&$self, w: &mut Writer) -> Done {
                T::enc_slice($slice, w)
            }
        }
        impl<T: Dec> Dec for $t {
            fn dec(r: &mut Reader<'_>) -> Option<$t> {
                T::dec_vec(r).map($make)
            }
        }
    )*};
}

list! {
    Vec<T>, self => self, |items| items;
    Box<[T]>, self => self, Vec::into_boxed_slice;
    Arc<[T]>, self => self, Arc::from;
}

impl<T: Enc> Enc for Rc<[T]> {
    fn enc(&self, w: &mut Writer) -> Done {
        w.interior = true;
        T::enc_slice(self, w)
    }
}

impl<T: Dec> Dec for Rc<[T]> {
    fn dec(r: &mut Reader<'_>) -> Option<Rc<[T]>> {
        T::dec_vec(r).map(Rc::from)
    }
}

/// Element by element even for numbers: where the ring breaks must not show.
impl<T: Enc> Enc for VecDeque<T> {
    fn enc(&self, w: &mut Writer) -> Done {
        each(self.len(), self.iter(), w)
    }
}

impl<T: Dec> Dec for VecDeque<T> {
    fn dec(r: &mut Reader<'_>) -> Option<VecDeque<T>> {
        let mut items = VecDeque::new();
        elements(r, |item| {
            items.push_back(item);
            true
        })?;
        Some(items)
    }
}

/// What does not lie in one row.
fn each<'a, T: Enc + 'a>(count: usize, items: impl Iterator<Item = &'a T>, w: &mut Writer) -> Done {
    w.array(count);
    for item in items {
        item.enc(w)?;
    }
    Ok(())
}

fn elements<T: Dec>(r: &mut Reader<'_>, mut add: impl FnMut(T) -> bool) -> Option<()> {
    for _ in 0..r.count()? {
        if !add(T::dec(r)?) {
            return None;
        }
    }
    Some(())
}

impl<T: Enc> Enc for LinkedList<T> {
    fn enc(&self, w: &mut Writer) -> Done {
        each(self.len(), self.iter(), w)
    }
}

impl<T: Dec> Dec for LinkedList<T> {
    fn dec(r: &mut Reader<'_>) -> Option<LinkedList<T>> {
        let mut list = LinkedList::new();
        elements(r, |item| {
            list.push_back(item);
            true
        })?;
        Some(list)
    }
}

impl<T: Enc> Enc for BinaryHeap<T> {
    fn enc(&self, w: &mut Writer) -> Done {
        each(self.len(), self.iter(), w)
    }
}

impl<T: Dec + Ord> Dec for BinaryHeap<T> {
    fn dec(r: &mut Reader<'_>) -> Option<BinaryHeap<T>> {
        let mut items = Vec::new();
        elements(r, |item| {
            items.push(item);
            true
        })?;
        Some(items.into())
    }
}

impl<T: Enc> Enc for BTreeSet<T> {
    fn enc(&self, w: &mut Writer) -> Done {
        sorted(self.iter().map(|item| (item, None::<&()>)), self.len(), w)
    }
}

impl<T: Dec + Ord> Dec for BTreeSet<T> {
    fn dec(r: &mut Reader<'_>) -> Option<BTreeSet<T>> {
        let mut set = BTreeSet::new();
        elements(r, |item| set.insert(item))?;
        Some(set)
    }
}

impl<T: Enc, S> Enc for HashSet<T, S> {
    fn enc(&self, w: &mut Writer) -> Done {
        sorted(self.iter().map(|item| (item, None::<&()>)), self.len(), w)
    }
}

impl<T: Dec + Eq + Hash, S: BuildHasher + Default> Dec for HashSet<T, S> {
    fn dec(r: &mut Reader<'_>) -> Option<HashSet<T, S>> {
        let mut set = HashSet::default();
        elements(r, |item| set.insert(item))?;
        Some(set)
    }
}

impl<K: Enc, V: Enc, S> Enc for HashMap<K, V, S> {
    fn enc(&self, w: &mut Writer) -> Done {
        sorted(self.iter().map(|(key, value)| (key, Some(value))), self.len(), w)
    }
}

impl<K: Dec + Eq + Hash, V: Dec, S: BuildHasher + Default> Dec for HashMap<K, V, S> {
    fn dec(r: &mut Reader<'_>) -> Option<HashMap<K, V, S>> {
        let mut map = HashMap::default();
        pairs(r, |key, value| map.insert(key, value).is_none())?;
        Some(map)
    }
}

impl<K: Enc, V: Enc> Enc for BTreeMap<K, V> {
    fn enc(&self, w: &mut Writer) -> Done {
        sorted(self.iter().map(|(key, value)| (key, Some(value))), self.len(), w)
    }
}

impl<K: Dec + Ord, V: Dec> Dec for BTreeMap<K, V> {
    fn dec(r: &mut Reader<'_>) -> Option<BTreeMap<K, V>> {
        let mut map = BTreeMap::new();
        pairs(r, |key, value| map.insert(key, value).is_none())?;
        Some(map)
    }
}

/// Entries in the order of their keys' encodings: as a map where there are values, as an array of a set's elements where there are none.
fn sorted<'a, K: Enc + 'a, V: Enc + 'a>(
    entries: impl Iterator<Item = (&'a K, Option<&'a V>)>,
    count: usize,
    w: &mut Writer,
) -> Done {
    let base = w.out.len();
    let mut places = Vec::with_capacity(count);
    let mut set = false;
    for (key, value) in entries {
        let start = w.out.len();
        key.enc(w)?;
        let middle = w.out.len();
        match value {
            Some(value) => value.enc(w)?,
            None => set = true,
        }
        places.push((start, middle, w.out.len()));
    }
    let scratch = w.out.split_off(base);
    let part = |from: usize, to: usize| &scratch[from - base..to - base];
    places.sort_unstable_by(|a, b| part(a.0, a.1).cmp(part(b.0, b.1)));
    if set {
        w.array(count);
    } else {
        w.map(count);
    }
    for (start, _, end) in places {
        w.out.extend_from_slice(part(start, end));
    }
    Ok(())
}

fn pairs<K: Dec, V: Dec>(r: &mut Reader<'_>, mut add: impl FnMut(K, V) -> bool) -> Option<()> {
    let mut last: &[u8] = &[];
    for _ in 0..r.entries()? {
        let start = r.at();
        let key = K::dec(r)?;
        let bytes = r.slice(start, r.at());
        if bytes <= last || !add(key, V::dec(r)?) {
            return None;
        }
        last = bytes;
    }
    Some(())
}

macro_rules! ends {
    ($($t:ident, $self:ident => ($($part:expr),*), ($($name:ident),*) => $make:expr;)*) => {$(
        impl<T: Enc> Enc for $t<T> {
            fn enc(&$self, w: &mut Writer) -> Done {
                w.array([$(stringify!($part)),*].len());
                $($part.enc(w)?;)*
                Ok(())
            }
        }
        impl<T: Dec> Dec for $t<T> {
            fn dec(r: &mut Reader<'_>) -> Option<$t<T>> {
                r.array([$(stringify!($name)),*].len())?;
                $(let $name = T::dec(r)?;)*
                Some($make)
            }
        }
    )*};
}

ends! {
    Range, self => (self.start, self.end), (a, b) => a..b;
    RangeInclusive, self => (self.start(), self.end()), (a, b) => a..=b;
    RangeFrom, self => (self.start), (a) => a..;
    RangeTo, self => (self.end), (b) => ..b;
}

impl Enc for Duration {
    fn enc(&self, w: &mut Writer) -> Done {
        (self.as_secs(), self.subsec_nanos()).enc(w)
    }
}

impl Dec for Duration {
    fn dec(r: &mut Reader<'_>) -> Option<Duration> {
        let (seconds, nanos) = <(u64, u32)>::dec(r)?;
        (nanos < 1_000_000_000).then(|| Duration::new(seconds, nanos))
    }
}

/// Since 1970, before it negative.
impl Enc for SystemTime {
    fn enc(&self, w: &mut Writer) -> Done {
        let nanos = match self.duration_since(UNIX_EPOCH) {
            Ok(after) => after.as_nanos() as i128,
            Err(before) => -(before.duration().as_nanos() as i128),
        };
        nanos.enc(w)
    }
}

impl Dec for SystemTime {
    fn dec(r: &mut Reader<'_>) -> Option<SystemTime> {
        let nanos = i128::dec(r)?;
        let size = nanos.unsigned_abs();
        let seconds = u64::try_from(size / 1_000_000_000).ok()?;
        let size = Duration::new(seconds, (size % 1_000_000_000) as u32);
        if nanos < 0 {
            UNIX_EPOCH.checked_sub(size)
        } else {
            UNIX_EPOCH.checked_add(size)
        }
    }
}

fn one_char(text: &str) -> Option<char> {
    let mut chars = text.chars();
    let first = chars.next()?;
    chars.next().is_none().then(|| first)
}

fn ordering(n: i64) -> Option<Ordering> {
    (-1..=1).contains(&n).then(|| n.cmp(&0))
}

/// Text where the bytes are UTF-8, bytes where they are not.
fn put_os(name: &OsStr, w: &mut Writer) {
    match name.to_str() {
        Some(text) => w.text(text),
        None => w.bytes(name.as_bytes()),
    }
}

fn get_os(r: &mut Reader<'_>) -> Option<OsString> {
    match r.item()? {
        Item::Text(text) => Some(text.into()),
        Item::Bytes(bytes) if std::str::from_utf8(bytes).is_err() => {
            Some(OsString::from_vec(bytes.to_vec()))
        }
        _ => None,
    }
}
