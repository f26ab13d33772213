//! Instances of std's generic code that cells use all the time: made here once, cells that are compiled at a low opt-level link to them instead of
//! making their own.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::Hash;

/// Keeps what was made from being optimised away.
fn black_box<T>(value: T) -> T {
    let place = std::mem::ManuallyDrop::new(value);
    // SAFETY: the original is never used again, nor dropped.
    unsafe { std::ptr::read_volatile(&*place) }
}

#[inline(never)]
fn vector<T: Clone>(value: T) {
    let mut items: Vec<T> = Vec::new();
    items.push(value.clone());
    items.reserve(1);
    items.extend_from_slice(&[value.clone()]);
    items.extend(black_box(items.clone()));
    items.insert(0, value);
    items.truncate(3);
    black_box(items.iter().cloned().collect::<Vec<T>>());
    black_box(items.pop());
    black_box(items.get(0).is_some());
}

#[inline(never)]
fn map<K: Hash + Eq + Ord + Clone, V: Clone>(key: K, value: V) {
    let mut hashed: HashMap<K, V> = HashMap::new();
    hashed.insert(key.clone(), value.clone());
    *hashed.entry(key.clone()).or_insert_with(|| value.clone()) = value.clone();
    black_box(hashed.get(&key).is_some());
    black_box(hashed.contains_key(&key));
    black_box(hashed.keys().count() + hashed.values().count() + hashed.iter().count());
    black_box(hashed.clone().into_iter().collect::<Vec<(K, V)>>());
    black_box(hashed.remove(&key));
    let mut set: HashSet<K> = HashSet::new();
    set.insert(key.clone());
    black_box(set.contains(&key));
    let mut tree: BTreeMap<K, V> = BTreeMap::new();
    tree.insert(key.clone(), value.clone());
    *tree.entry(key.clone()).or_insert_with(|| value.clone()) = value.clone();
    black_box(tree.get(&key).is_some());
    black_box(tree.iter().count());
}

/// Never called: it is there for the code that it makes.
#[doc(hidden)]
#[inline(never)]
pub fn touch() {
    vector(0i32);
    vector(0i64);
    vector(0u64);
    vector(0usize);
    vector(0f64);
    vector(String::new());
    vector("");
    map(String::new(), 0usize);
    map(String::new(), 0f64);
    map("", 0usize);
    let mut numbers = vec![0f64];
    numbers.sort_by(|a, b| a.total_cmp(b));
    black_box(numbers.iter().sum::<f64>());
    black_box(format!("{} {:?} {}", 0, 0.0, ""));
    black_box("a b".split_whitespace().map(str::to_string).collect::<Vec<String>>().join(" "));
}
