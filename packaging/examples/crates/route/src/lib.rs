//! Round trips over places on the globe: a first guess, and two ways to make it shorter.

/// A place, in degrees.
#[derive(Clone, Debug, PartialEq)]
pub struct Stop {
    pub name: String,
    pub latitude: f64,
    pub longitude: f64,
}

const EARTH_RADIUS_KM: f64 = 6371.0;

/// Kilometres along the great circle between two places (haversine formula).
pub fn distance_km(a: &Stop, b: &Stop) -> f64 {
    let (lat_a, lat_b) = (a.latitude.to_radians(), b.latitude.to_radians());
    let half_lat = (lat_b - lat_a) / 2.0;
    let half_lon = (b.longitude - a.longitude).to_radians() / 2.0;
    let h = half_lat.sin().powi(2) + lat_a.cos() * lat_b.cos() * half_lon.sin().powi(2);
    2.0 * EARTH_RADIUS_KM * h.sqrt().min(1.0).asin()
}

/// Kilometres of a round trip that visits the stops in the order of `tour` and goes back to the first.
pub fn length_km(stops: &[Stop], tour: &[usize]) -> f64 {
    let legs = tour.iter().zip(tour.iter().cycle().skip(1));
    legs.map(|(&a, &b)| distance_km(&stops[a], &stops[b])).sum()
}

/// From the first stop, always on to the nearest that is left.
pub fn nearest_neighbour(stops: &[Stop]) -> Vec<usize> {
    let mut left: Vec<usize> = (1..stops.len()).collect();
    let mut tour: Vec<usize> = (0..stops.len().min(1)).collect();
    while let Some(&here) = tour.last() {
        let near = |&at: &usize| distance_km(&stops[here], &stops[left[at]]);
        match (0..left.len()).min_by(|a, b| near(a).total_cmp(&near(b))) {
            Some(at) => tour.push(left.remove(at)),
            None => break,
        }
    }
    tour
}

/// Turns stretches around (2-opt) and, with the feature `moves`, moves single stops, as long as that makes the trip shorter. Returns how many
/// changes there were.
pub fn improve(stops: &[Stop], tour: &mut Vec<usize>) -> usize {
    let mut changes = 0;
    while turn_one(stops, tour) || move_one(stops, tour) {
        changes += 1;
    }
    changes
}

/// Smaller gains are rounding.
const GAIN_KM: f64 = 1e-6;

fn turn_one(stops: &[Stop], tour: &mut [usize]) -> bool {
    let n = tour.len();
    let between = |a: usize, b: usize| distance_km(&stops[a], &stops[b]);
    for first in 0..n.saturating_sub(2) {
        for last in first + 2..n {
            let (a, b) = (tour[first], tour[first + 1]);
            let (c, d) = (tour[last], tour[(last + 1) % n]);
            if a != d && between(a, c) + between(b, d) + GAIN_KM < between(a, b) + between(c, d) {
                tour[first + 1..=last].reverse();
                return true;
            }
        }
    }
    false
}

fn move_one(stops: &[Stop], tour: &mut Vec<usize>) -> bool {
    if !cfg!(feature = "moves") {
        return false;
    }
    let before = length_km(stops, tour);
    for from in 0..tour.len() {
        for to in 0..tour.len() {
            let mut tried = tour.clone();
            let stop = tried.remove(from);
            tried.insert(to, stop);
            if length_km(stops, &tried) + GAIN_KM < before {
                *tour = tried;
                return true;
            }
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stop(latitude: f64, longitude: f64) -> Stop {
        Stop {
            name: String::new(),
            latitude,
            longitude,
        }
    }

    #[test]
    fn a_quarter_of_the_globe() {
        let quarter = distance_km(&stop(0.0, 0.0), &stop(0.0, 90.0));
        assert!((quarter - EARTH_RADIUS_KM * std::f64::consts::FRAC_PI_2).abs() < 1e-6);
    }

    #[test]
    fn a_crossing_is_undone() {
        let square = [
            stop(0.0, 0.0),
            stop(1.0, 1.0),
            stop(0.0, 1.0),
            stop(1.0, 0.0),
        ];
        let mut tour = vec![0, 1, 2, 3];
        let before = length_km(&square, &tour);
        assert!(improve(&square, &mut tour) > 0);
        assert!(length_km(&square, &tour) < before);
    }

    #[test]
    fn nothing_to_visit() {
        assert!(nearest_neighbour(&[]).is_empty());
        assert_eq!(improve(&[], &mut Vec::new()), 0);
    }
}
