//! A profile's numbers as columns of a table for spreadsheets: each column's name and how it is written. Amounts and shares
//! are plain decimals, instants RFC 3339 in UTC, lists JSON; what isn't known is empty.

use super::aggregates::{AggregatesView, MeanView, TopView};
use domain::time::Instant;
use serde_json::json;

/// A column's name and its field.
pub(super) type Cell = (&'static str, String);

fn text<T: ToString>(value: Option<T>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

fn word(value: Option<&String>) -> String {
    neutral(value.map(String::as_str).unwrap_or_default())
}

fn at(instant: Option<Instant>) -> String {
    instant.map(Instant::to_rfc3339).unwrap_or_default()
}

impl AggregatesView {
    /// Every aggregate, in the order of the table.
    pub(super) fn cells(&self) -> Vec<Cell> {
        let mut cells = vec![
            ("kept_at", at(self.kept_at)),
            ("currency", self.spend_365.currency.to_string()),
            ("spend_365", self.spend_365.decimal()),
            ("spend_ever", self.spend_ever.decimal()),
            ("orders_365", self.orders_365.to_string()),
            ("orders_ever", self.orders_ever.to_string()),
            ("order_days", self.order_days.to_string()),
            ("first_order_at", at(self.first_order_at)),
            ("last_order_at", at(self.last_order_at)),
            ("last_order_id", word(self.last_order_id.as_ref())),
        ];
        cells.extend(self.bought());
        cells.extend(self.served());
        cells
    }

    fn bought(&self) -> Vec<Cell> {
        let (avg, refunds) = (self.avg_order_365.as_ref(), self.refund_rate_365.as_ref());
        let coupons = self.coupon_share_365.as_ref();
        let mut cells = vec![
            ("avg_order_365", text(avg.map(|mean| mean.mean.decimal()))),
            ("counted_net_365", text(avg.map(|mean| mean.sum.decimal()))),
            ("refund_rate_365", text(refunds.map(|share| share.share.clone()))),
            ("refunded_365", text(refunds.map(|share| share.n.decimal()))),
            ("gross_365", text(refunds.map(|share| share.of.decimal()))),
            ("coupon_share_365", text(coupons.map(|share| share.share.clone()))),
            ("coupon_orders_365", text(coupons.map(|share| share.n))),
            ("many_orders_30", text(self.many_orders_30)),
            ("median_gap_days", text(self.median_gap_days.clone())),
            ("active_hour", text(self.active_hour)),
            ("lines_365", self.lines_365.to_string()),
        ];
        let tops = [
            (["top_category", "top_category_share", "top_category_lines"], &self.top_category),
            (["top_style", "top_style_share", "top_style_lines"], &self.top_style),
            (["top_brand", "top_brand_share", "top_brand_lines"], &self.top_brand),
        ];
        for ([value, share, lines], top) in tops {
            let top: Option<&TopView> = top.as_ref();
            cells.extend([
                (value, word(top.map(|top| &top.value))),
                (share, text(top.map(|top| top.lines.share.clone()))),
                (lines, text(top.map(|top| top.lines.n))),
            ]);
        }
        cells.push(("last_products", json!(self.last_products).to_string()));
        cells
    }

    fn served(&self) -> Vec<Cell> {
        let mut cells = vec![
            ("tickets", self.tickets.to_string()),
            ("complaints_90", self.complaints_90.to_string()),
            ("complaints_365", self.complaints_365.to_string()),
            ("open_complaints", self.open_complaints.to_string()),
            ("complaint_closed_at", at(self.complaint_closed_at)),
            ("csat_last", text(self.csat_last)),
            ("nps_last", text(self.nps_last)),
        ];
        let means = [
            (["review_mean", "review_sum", "reviews"], &self.review_mean),
            (["csat_mean", "csat_sum", "csat_count"], &self.csat_mean),
            (["nps_mean", "nps_sum", "nps_count"], &self.nps_mean),
        ];
        for ([name, sum, n], mean) in means {
            let mean: Option<&MeanView> = mean.as_ref();
            cells.extend([
                (name, text(mean.map(|mean| mean.mean.clone()))),
                (sum, text(mean.map(|mean| mean.sum.clone()))),
                (n, mean.map_or(0, |mean| mean.n).to_string()),
            ]);
        }
        cells.extend([
            ("unhappy_at", at(self.unhappy_at)),
            ("recommended_at", at(self.recommended_at)),
            ("last_contacts", json!(self.last_contacts).to_string()),
            ("last_contact_at", at(self.last_contact_at)),
            ("last_inbound_at", at(self.last_inbound_at)),
            ("preferred_channel", word(self.preferred_channel.as_ref())),
            ("won_back_at", at(self.won_back_at)),
        ]);
        cells
    }
}

/// A text that no spreadsheet takes for a formula (OWASP, CSV injection); signs of full width begin one too.
pub fn neutral(text: &str) -> String {
    match text.chars().next() {
        Some('=' | '+' | '-' | '@' | '＝' | '＋' | '－' | '＠' | '\t' | '\r' | '\n') => {
            format!("'{text}")
        }
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_field_is_a_formula() {
        for text in ["=1+1", "+44", "-2", "@SUM(A1)", "\tx", "\nx", "＝1+1", "＠SUM(A1)"] {
            assert!(neutral(text).starts_with('\''), "{text}");
        }
        assert_eq!(neutral("12346"), "12346");
        assert_eq!(neutral(""), "");
    }
}
