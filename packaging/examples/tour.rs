//! # A round trip
//!
//! Sixteen harbours, each to be visited once, and home again. The geometry and the search are in a crate of their own beside this
//! notebook, `crates/route`; the block below is a table of a Cargo manifest, and its path is relative to the notebook.
//!
//! ```cargo
//! [dependencies]
//! route = { path = "crates/route", features = ["moves"] }
//! ```

use route::{distance_km, improve, length_km, nearest_neighbour, Stop};
use std::fmt::Write;
use venus::prelude::*;

/// Name, latitude and longitude in degrees, rounded.
const HARBOURS: [(&str, f64, f64); 16] = [
    ("Bergen", 60.4, 5.3),
    ("Lisbon", 38.7, -9.1),
    ("Gdańsk", 54.4, 18.7),
    ("Dublin", 53.3, -6.3),
    ("Naples", 40.8, 14.3),
    ("Riga", 56.9, 24.1),
    ("Bilbao", 43.3, -2.9),
    ("Piraeus", 37.9, 23.6),
    ("Hamburg", 53.5, 10.0),
    ("Marseille", 43.3, 5.4),
    ("Stockholm", 59.3, 18.1),
    ("Antwerp", 51.2, 4.4),
    ("Split", 43.5, 16.4),
    ("Cádiz", 36.5, -6.3),
    ("Aberdeen", 57.1, -2.1),
    ("Varna", 43.2, 27.9),
];

/// A round trip over named places.
pub struct Trip {
    stops: Vec<(String, f64, f64)>,
    tour: Vec<usize>,
    length_km: f64,
    changes: usize,
}

impl Trip {
    fn new(stops: &[Stop], tour: Vec<usize>, changes: usize) -> Trip {
        let length_km = length_km(stops, &tour);
        let stops = stops
            .iter()
            .map(|stop| (stop.name.clone(), stop.latitude, stop.longitude))
            .collect();
        Trip {
            stops,
            tour,
            length_km,
            changes,
        }
    }
}

impl Render for Trip {
    fn render_text(&self) -> String {
        let names: Vec<&str> = self
            .tour
            .iter()
            .map(|&stop| self.stops[stop].0.as_str())
            .collect();
        format!(
            "{:.0} km after {} changes\n{}",
            self.length_km,
            self.changes,
            names.join(" → ")
        )
    }

    fn render_image(&self) -> Option<Vec<u8>> {
        // Plate carrée, with the width of a degree at 48° north.
        let at = |stop: usize| {
            (
                (self.stops[stop].2 + 12.0) * 12.0,
                (62.0 - self.stops[stop].1) * 18.0,
            )
        };
        let mut svg = String::from("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"-20 -20 560 510\" font-size=\"11\" font-family=\"sans-serif\">");
        let points: String = self
            .tour
            .iter()
            .map(|&stop| format!("{:.0},{:.0} ", at(stop).0, at(stop).1))
            .collect();
        let _ = write!(
            svg,
            "<polygon points=\"{points}\" fill=\"none\" stroke=\"#1b6ca8\" stroke-width=\"2\"/>"
        );
        for stop in 0..self.stops.len() {
            let (x, y) = at(stop);
            let name = &self.stops[stop].0;
            let _ = write!(svg, "<circle cx=\"{x:.0}\" cy=\"{y:.0}\" r=\"4\"/><text x=\"{:.0}\" y=\"{:.0}\">{name}</text>", x + 6.0, y - 6.0);
        }
        svg += "</svg>";
        Some(svg.into_bytes())
    }
}

/// # How many harbours
#[venus::cell]
pub fn count() -> usize {
    input_slider_labeled("harbours", "Harbours", 4.0, 16.0, 1.0, 16.0) as usize
}

/// # Harbours
///
/// A type of the crate is a cell's value like any other.
#[venus::cell]
pub fn harbours(count: usize) -> Vec<Stop> {
    let stop = |&(name, latitude, longitude): &(&str, f64, f64)| Stop {
        name: name.to_string(),
        latitude,
        longitude,
    };
    HARBOURS.iter().take(count).map(stop).collect()
}

/// # The first guess
///
/// Always on to the nearest harbour that is left.
#[venus::cell]
pub fn guess(harbours: &[Stop]) -> Trip {
    Trip::new(harbours, nearest_neighbour(harbours), 0)
}

/// # Made shorter
#[venus::cell]
pub fn best(harbours: &[Stop], guess: &Trip) -> Trip {
    let mut tour = guess.tour.clone();
    let changes = improve(harbours, &mut tour);
    Trip::new(harbours, tour, changes)
}

/// # What it saves
#[venus::cell]
pub fn saving(guess: &Trip, best: &Trip, harbours: &[Stop]) -> String {
    let legs = best.tour.iter().zip(best.tour.iter().cycle().skip(1));
    let longest = legs
        .map(|(&a, &b)| (distance_km(&harbours[a], &harbours[b]), a, b))
        .max_by(|a, b| a.0.total_cmp(&b.0));
    let saved = 100.0 * (1.0 - best.length_km / guess.length_km);
    match longest {
        Some((km, a, b)) => format!(
            "{saved:.1} % shorter; the longest leg is {} to {}, {km:.0} km",
            harbours[a].name, harbours[b].name
        ),
        None => "there is nowhere to go".to_string(),
    }
}
