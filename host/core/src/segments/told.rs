//! What the logic is told of the segments.

use forebay_types::{RecordId, Segment as Told, SegmentPlace};

use super::{Segment, Segments};

impl Segments {
    /// What the logic is told, from number `from` of the list on: segments in reading order, the spare, files outside.
    pub(crate) fn told(&self, from: usize, max: usize) -> Vec<Told> {
        let behind = from.saturating_sub(self.order.len());
        let in_order = self.order.iter().enumerate().skip(from).map(|(at, segment)| {
            let next_id = self.end_id(at).unwrap_or_default();
            tell(segment, SegmentPlace::InOrder, next_id)
        });
        let spare = self.spare.iter().map(|spare| tell(spare, SegmentPlace::Spare, self.next_id));
        let outside = self.outside.values().map(|segment| {
            tell(
                segment,
                SegmentPlace::Outside,
                if segment.is_walked() { segment.walked.next_id } else { RecordId(0) },
            )
        });
        in_order.chain(spare.chain(outside).skip(behind)).take(max).collect()
    }
}

fn tell(segment: &Segment, place: SegmentPlace, next_id: RecordId) -> Told {
    let Segment { file, bytes, durability, .. } = segment;
    Told {
        file: *file,
        first_id: segment.first_id().unwrap_or_default(),
        next_id,
        bytes: *bytes,
        durable_bytes: if durability.is_named { durability.bytes } else { 0 },
        end: segment.end(),
        suspect: segment.is_doubtful(),
        place,
    }
}
