//! # A magnet on a grid
//!
//! The Ising model: spins that point up or down and like to agree with their four neighbours, shaken by heat. Below a critical
//! temperature the grid takes a side, above it none. Lars Onsager found where that is: 2 / ln(1 + √2) ≈ 2.269.
//!
//! Random numbers come from a generator of this notebook, seeded by a cell, so the same sliders give the same values. Move a slider with
//! `venusctl run magnet.rs --set heat.temperature=2.6`: only what hangs on it runs again, and the sweep over all temperatures does not.

use std::fmt::Write;
use venus::prelude::*;

/// SplitMix64: a few lines, and good enough for spins.
pub struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform in [0, 1).
    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    fn below(&mut self, limit: usize) -> usize {
        (((self.next() >> 32) * limit as u64) >> 32) as usize
    }
}

/// A square grid of spins, +1 or -1, whose edges meet.
#[derive(Clone)]
pub struct Grid {
    side: usize,
    spins: Vec<i8>,
}

impl Grid {
    /// All up: the state of least energy, from which a warm grid decays faster than a mixed one orders itself.
    fn ordered(side: usize) -> Grid {
        Grid {
            side,
            spins: vec![1; side * side],
        }
    }

    fn neighbours(&self, at: usize) -> i32 {
        let (side, row, column) = (self.side, at / self.side, at % self.side);
        let up = (row + side - 1) % side * side + column;
        let down = (row + 1) % side * side + column;
        let left = row * side + (column + side - 1) % side;
        let right = row * side + (column + 1) % side;
        [up, down, left, right]
            .iter()
            .map(|&other| i32::from(self.spins[other]))
            .sum()
    }

    /// As many tries to flip a spin as there are spins, by the rule of Metropolis.
    fn sweep(&mut self, temperature: f64, random: &mut Random) {
        let chance = [1.0, (-4.0 / temperature).exp(), (-8.0 / temperature).exp()];
        for _ in 0..self.spins.len() {
            let at = random.below(self.spins.len());
            let cost = i32::from(self.spins[at]) * self.neighbours(at);
            if cost <= 0 || random.unit() < chance[cost as usize / 2] {
                self.spins[at] = -self.spins[at];
            }
        }
    }

    /// Mean spin, from -1 to 1.
    fn magnetisation(&self) -> f64 {
        self.spins.iter().map(|&spin| f64::from(spin)).sum::<f64>() / self.spins.len() as f64
    }

    /// Energy a spin, from -2 (all agree) to 2.
    fn energy(&self) -> f64 {
        let sum: i32 = (0..self.spins.len())
            .map(|at| -i32::from(self.spins[at]) * self.neighbours(at))
            .sum();
        f64::from(sum) / 2.0 / self.spins.len() as f64
    }
}

impl Render for Grid {
    /// Two rows of spins a line, with half blocks; every second column of a wide grid.
    fn render_text(&self) -> String {
        let step = (self.side + 63) / 64;
        let up =
            |row: usize, column: usize| row < self.side && self.spins[row * self.side + column] > 0;
        let mut text = String::new();
        for row in (0..self.side).step_by(2 * step) {
            for column in (0..self.side).step_by(step) {
                text.push(match (up(row, column), up(row + step, column)) {
                    (true, true) => '█',
                    (true, false) => '▀',
                    (false, true) => '▄',
                    (false, false) => ' ',
                });
            }
            text.push('\n');
        }
        let _ = write!(
            text,
            "{} × {} spins, mean {:+.3}",
            self.side,
            self.side,
            self.magnetisation()
        );
        text
    }

    fn render_image(&self) -> Option<Vec<u8>> {
        let mut path = String::new();
        for (at, _) in self.spins.iter().enumerate().filter(|(_, spin)| **spin > 0) {
            let _ = write!(path, "M{} {}h1v1h-1z", at % self.side, at / self.side);
        }
        let svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0} {0}\" width=\"384\" shape-rendering=\"crispEdges\">\
             <rect width=\"{0}\" height=\"{0}\" fill=\"#f2e8cf\"/><path d=\"{path}\" fill=\"#386641\"/></svg>",
            self.side
        );
        Some(svg.into_bytes())
    }
}

/// Points of a curve: temperature and mean absolute magnetisation.
pub struct Curve(Vec<(f64, f64)>);

impl Curve {
    /// The temperature at which the curve falls most steeply, between its points.
    fn steepest(&self) -> Option<f64> {
        let fall = |pair: &[(f64, f64)]| (pair[0].1 - pair[1].1) / (pair[1].0 - pair[0].0);
        let pair = self
            .0
            .windows(2)
            .max_by(|a, b| fall(a).total_cmp(&fall(b)))?;
        Some((pair[0].0 + pair[1].0) / 2.0)
    }
}

impl Render for Curve {
    fn render_text(&self) -> String {
        let line = |point: &(f64, f64)| {
            let bar = "▪".repeat((point.1 * 50.0).round() as usize);
            format!("T = {:.2}  {:.3}  {bar}", point.0, point.1)
        };
        self.0.iter().map(line).collect::<Vec<_>>().join("\n")
    }

    fn render_data(&self) -> Option<String> {
        let points: Vec<String> = self
            .0
            .iter()
            .map(|point| format!("[{:.4},{:.6}]", point.0, point.1))
            .collect();
        Some(format!("[{}]", points.join(",")))
    }
}

/// # Heat
#[venus::cell]
pub fn heat() -> f64 {
    input_slider_labeled("temperature", "Temperature", 0.5, 5.0, 0.05, 2.3)
}

/// # Size
///
/// Spins along one side.
#[venus::cell]
pub fn size() -> usize {
    input_slider_with_step("side", 16.0, 128.0, 16.0, 64.0) as usize
}

/// # Seed
#[venus::cell]
pub fn seed() -> u64 {
    input_slider("number", 1.0, 100.0, 7.0) as u64
}

/// # The grid after 300 sweeps
#[venus::cell]
pub fn grid(heat: f64, size: usize, seed: u64) -> Grid {
    let mut random = Random(seed);
    let mut grid = Grid::ordered(size);
    for _ in 0..300 {
        grid.sweep(heat, &mut random);
    }
    grid
}

/// # What it is like
#[venus::cell]
pub fn state(grid: &Grid, heat: f64) -> String {
    let side = if grid.magnetisation().abs() > 0.5 {
        "has taken a side"
    } else {
        "has not taken a side"
    };
    format!(
        "at T = {heat:.2} the grid {side}; energy a spin {:.3}",
        grid.energy()
    )
}

/// # Magnetisation against temperature
///
/// A small grid, so that the sweep takes no time: 100 sweeps to settle, 300 to measure.
#[venus::cell]
pub fn curve(seed: u64) -> Curve {
    let mut random = Random(seed);
    let mut points = Vec::new();
    for step in 0..15 {
        let temperature = 1.5 + 0.1 * f64::from(step);
        let mut grid = Grid::ordered(24);
        let mut sum = 0.0;
        for sweep in 0..400 {
            grid.sweep(temperature, &mut random);
            if sweep >= 100 {
                sum += grid.magnetisation().abs();
            }
        }
        points.push((temperature, sum / 300.0));
    }
    Curve(points)
}

/// # The critical temperature
///
/// Measured, and as Onsager has it. A small grid blurs the step.
#[venus::cell]
pub fn critical(curve: &Curve) -> Result<String, String> {
    let exact = 2.0 / (1.0 + 2.0_f64.sqrt()).ln();
    let measured = curve.steepest().ok_or("the curve has no two points")?;
    Ok(format!("measured {measured:.2}, exact {exact:.3}"))
}
