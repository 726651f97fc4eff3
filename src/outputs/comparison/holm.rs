//! Holm's correction: with many tests some would differ by chance alone.

/// The chances `p` corrected for their number, in their order.
pub(super) fn corrected(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    let at = |place: usize| p.get(place).copied().unwrap_or(1.0);
    order.sort_by(|one, other| at(*one).total_cmp(&at(*other)));
    let mut corrected = vec![1.0; p.len()];
    let mut least: f64 = 0.0;
    for (rank, place) in order.iter().enumerate() {
        least = least.max((at(*place) * (p.len() - rank) as f64).min(1.0));
        if let Some(slot) = corrected.get_mut(*place) {
            *slot = least;
        }
    }
    corrected
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_is_multiplied_by_all_and_none_comes_before_a_smaller_one() {
        // R: p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm") is 0.03 0.06 0.06 0.02.
        for (corrected, known) in corrected(&[0.01, 0.04, 0.03, 0.005]).into_iter().zip([0.03, 0.06, 0.06, 0.02]) {
            assert!((corrected - known).abs() < 1e-12, "{corrected} {known}");
        }
        assert_eq!(corrected(&[]), Vec::<f64>::new());
        assert_eq!(corrected(&[0.7, 0.9]), [1.0, 1.0]);
    }
}
