use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::collections::*;
use std::fmt::Debug;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use crate::cbor::Writer;
use crate::codec::{decode, encode, Dec, Enc};

fn bytes<T: Enc>(value: &T) -> Vec<u8> {
    let mut w = Writer::new();
    assert!(encode(value, &mut w).is_ok());
    w.out
}

fn hex<T: Enc>(value: &T) -> String {
    bytes(value).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Comes back equal, to the same bytes, and neither from a part of them nor from more.
fn back<T: Enc + Dec + PartialEq + Debug>(value: T) {
    let encoded = bytes(&value);
    let again = decode::<T>(&encoded).unwrap_or_else(|| panic!("{value:?} from {encoded:?}"));
    assert_eq!(again, value);
    assert_eq!(bytes(&again), encoded);
    for length in 0..encoded.len().min(200) {
        assert!(decode::<T>(&encoded[..length]).is_none(), "{length} bytes of {value:?}");
    }
    let mut more = encoded;
    more.push(0);
    assert!(decode::<T>(&more).is_none());
}

#[test]
fn scalars_come_back() {
    back(u8::MAX);
    back(i8::MIN);
    back((u16::MAX, i16::MIN, u32::MAX, i32::MIN));
    back((u64::MAX, i64::MIN, i64::MAX, usize::MAX, isize::MIN));
    back((u128::MAX, i128::MIN, i128::MAX, 1u128 << 64, -1i128 << 64));
    back((true, false, (), 'ß', '\u{10ffff}', "text"));
    back((String::from("häß"), Box::<str>::from("b"), Cow::Borrowed("c"), Arc::<str>::from("d")));
    back(std::num::NonZeroU32::new(7));
    back((Duration::new(3, 999_999_999), SystemTime::UNIX_EPOCH - Duration::new(1, 5)));
    back((std::cmp::Ordering::Less, std::num::Wrapping(3u8), std::marker::PhantomData::<Rc<str>>));
    back((1..5, 1..=5, 1.., ..5));
    back(std::path::PathBuf::from("/a/ü"));
    back("127.0.0.1".parse::<std::net::IpAddr>().unwrap());
    back("[::1]:80".parse::<std::net::SocketAddr>().unwrap());
    assert_eq!(decode::<f64>(&bytes(&-0.0f64)).map(f64::to_bits), Some((-0.0f64).to_bits()));
    let nan = f64::from_bits(0x7ff4_0000_dead_beef);
    assert_eq!(decode::<f64>(&bytes(&nan)).map(f64::to_bits), Some(nan.to_bits()));
}

#[test]
fn names_that_are_no_text_come_back() {
    use std::os::unix::ffi::OsStringExt;
    back(std::ffi::OsString::from_vec(vec![b'a', 0xff]));
}

#[test]
fn collections_come_back() {
    back(vec![1.5f64, f64::MIN, 0.1]);
    back(vec![1u8, 2, 3]);
    back((vec![1i8, -1], vec![1u16], vec![-1i16], vec![1u32], vec![-1i32], vec![1u64], vec![-1i64]));
    back((vec![0.1f32], vec![1usize, 2], vec![-1isize], Vec::<f64>::new()));
    back(vec![vec![1.0f64], vec![]]);
    back(vec![Some("a".to_owned()), None]);
    back([1.0f64, 2.0, 3.0]);
    back([[1u8; 3]; 2]);
    back([String::from("a"), String::from("b")]);
    back((Box::new(1), vec![1i32].into_boxed_slice(), Arc::new(String::from("a"))));
    back(VecDeque::from(vec![1, 2, 3]));
    back(LinkedList::from([1, 2, 3]));
    back(BTreeMap::from([("b", 1), ("aa", 2), ("a", 3)]));
    back(BTreeSet::from([3u32, 500, 1]));
    back(HashMap::<String, Vec<f64>>::from([("b".into(), vec![1.0]), ("aa".into(), vec![])]));
    back(HashSet::from([1000, 2, 30]));
    back((1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12));
    back(Ok::<i32, String>(1));
    back(Err::<i32, String>("e".into()));
    let heap = decode::<BinaryHeap<i32>>(&bytes(&BinaryHeap::from(vec![3, 1, 2]))).unwrap();
    assert_eq!(heap.into_sorted_vec(), [1, 2, 3]);
}

#[test]
fn nested_options_stay_apart() {
    back(None::<Option<Option<i32>>>);
    back(Some(None::<Option<i32>>));
    back(Some(Some(None::<i32>)));
    back(Some(Some(Some(1))));
    back(Some(()));
    back(None::<()>);
    back(vec![Some(None), None, Some(Some("x".to_owned()))]);
    assert_eq!(hex(&Some(5)), "05");
}

#[test]
fn bytes_do_not_depend_on_history() {
    let mut forward = HashMap::new();
    let mut backward = HashMap::new();
    for i in 0..500 {
        forward.insert(format!("key {i}"), i);
        backward.insert(format!("key {}", 499 - i), 499 - i);
    }
    assert_eq!(bytes(&forward), bytes(&backward));
    let mut ring: VecDeque<i64> = (0..10).collect();
    ring.rotate_left(3);
    ring.push_back(99);
    assert_eq!(bytes(&ring), bytes(&ring.iter().copied().collect::<VecDeque<i64>>()));
    assert_eq!(hex(&HashMap::from([("b", 1), ("aa", 2), ("a", 3)])), "a361610361620162616102");
}

#[test]
fn numbers_in_a_row_are_typed_arrays() {
    assert_eq!(hex(&vec![1.0f64]), "d85648000000000000f03f");
    assert_eq!(hex(&vec![1u8, 2]), "d840420102");
    assert_eq!(hex(&vec![258u16]), "d845420201");
    assert_eq!(hex(&vec![true]), "81f5");
}

#[test]
fn what_can_change_is_told() {
    let interior = |value: &dyn Fn(&mut Writer)| {
        let mut w = Writer::new();
        value(&mut w);
        w.interior
    };
    assert!(interior(&|w| vec![Rc::new(1)].enc(w).unwrap()));
    assert!(interior(&|w| RefCell::new(1).enc(w).unwrap()));
    assert!(interior(&|w| (1, Cell::new(1)).enc(w).unwrap()));
    assert!(interior(&|w| Arc::new(Mutex::new(1)).enc(w).unwrap()));
    assert!(interior(&|w| std::sync::atomic::AtomicU8::new(1).enc(w).unwrap()));
    assert!(!interior(&|w| (1, vec!["a"], Arc::new(2)).enc(w).unwrap()));
    let busy = RefCell::new(1);
    let _held = busy.borrow_mut();
    assert!(busy.enc(&mut Writer::new()).is_err());
}

#[test]
fn hostile_bytes_are_no_value() {
    assert!(decode::<HashMap<String, i32>>(&[0xa2, 0x61, b'a', 1, 0x61, b'a', 2]).is_none());
    assert!(decode::<BTreeMap<String, i32>>(&[0xa2, 0x61, b'b', 1, 0x61, b'a', 2]).is_none());
    assert!(decode::<Vec<f64>>(&[0xd8, 0x56, 0x47, 0, 0, 0, 0, 0, 0, 0]).is_none());
    assert!(decode::<Vec<f64>>(&[0x80]).is_none());
    assert!(decode::<[f64; 2]>(&bytes(&vec![1.0])).is_none());
    assert!(decode::<u8>(&[0x19, 1, 0]).is_none());
    assert!(decode::<f32>(&bytes(&0.1f64)).is_none());
    assert!(decode::<char>(&bytes(&"ab")).is_none());
    assert!(decode::<Duration>(&bytes(&(1u64, u32::MAX))).is_none());
    assert!(decode::<std::num::NonZeroU8>(&[0]).is_none());
    let mut state = 7u64;
    for _ in 0..100_000 {
        let mut noise = [0u8; 24];
        for byte in &mut noise {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            *byte = (state >> 56) as u8;
        }
        // Only that it returns is asked here.
        let _ = decode::<Vec<Option<HashMap<String, Vec<f64>>>>>(&noise);
        let _ = decode::<(String, Vec<String>, i128)>(&noise);
        let _ = crate::json::from_cbor(&noise);
    }
}
