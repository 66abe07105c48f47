//! Other engines beside dras and the same written by hand: one table, with ratios.
//!
//! Every engine's answers are compared with those of the code written by hand before anything is timed. All of them take turns within every
//! round, and the table shows medians over rounds: of the times, and of the ratios of each round.

use std::hint::black_box;

use dras_benches::language::{E1, E2, E3, ROWS, exceptions};
use dras_benches::nanos;
use dras_peers::{Peer, over_numbers, over_texts};

const ROUNDS: usize = 15;

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// `least`: how many times faster than each peer dras should be, but for the callback and the pointers of fasteval.
fn table(expression: &str, mut peers: Vec<Peer>, least: Option<(f64, f64)>) {
    let mut wanted = vec![0.0; ROWS];
    (peers[0].run)(&mut wanted);
    for peer in &mut peers {
        let mut answers = vec![0.0; ROWS];
        (peer.run)(&mut answers);
        // Decimals of 28 digits round a product or quotient otherwise than binary numbers; that may show where a whole number is near.
        let other = answers.iter().zip(&wanted).filter(|(a, b)| a != b).count();
        assert!(
            other <= ROWS / 1000,
            "{expression}: {} gives other answers in {other} rows",
            peer.name
        );
        if other > 0 {
            println!("{expression}: {} rounds {other} of {ROWS} rows otherwise", peer.name);
        }
    }
    let mut times = vec![Vec::with_capacity(ROUNDS); peers.len()];
    let mut into = vec![0.0; ROWS];
    for _ in 0..ROUNDS {
        for (peer, times) in peers.iter_mut().zip(&mut times) {
            times.push(nanos(&mut || (peer.run)(black_box(&mut into))) / ROWS as f64);
        }
    }
    let ratio = |a: usize, b: usize| median((0..ROUNDS).map(|round| times[a][round] / times[b][round]).collect());
    for (at, peer) in peers.iter().enumerate() {
        let to_dras = ratio(at, 1);
        let target = match (least, peer.name) {
            (Some((fasteval, _)), "fasteval, map") => Some(fasteval),
            (Some((_, others)), "rhai" | "cel" | "zen-expression") => Some(others),
            _ => None,
        };
        let (target, held) = target.map_or_else(Default::default, |least| {
            (format!("≥ {least} ×"), if to_dras >= least { "yes" } else { "no" })
        });
        println!(
            "| {expression:<4} | {:<25} | {:>10.1} | {:>9.2} | {:>8.2} | {target:>8} | {held:<4} |",
            peer.name,
            median(times[at].clone()),
            ratio(at, 0),
            to_dras,
        );
    }
}

fn main() {
    // `cargo test --benches` runs it, too; there it has nothing to say.
    if std::env::args().any(|a| a == "--test") {
        return;
    }
    println!(
        "| {:<4} | {:<25} | {:>10} | {:>9} | {:>8} | {:>8} | held |",
        "what", "engine", "ns", "to native", "to dras", "target"
    );
    println!("| --- | --- | --: | --: | --: | --: | --- |");
    table("E1", over_numbers(&E1), Some((8.0, 25.0)));
    table("E2", over_numbers(&E2), None);
    table("E3", over_numbers(&E3), Some((8.0, 25.0)));
    table("E4", over_texts(exceptions()), None);
}
