//! What stands between a column and a value: operators and the words for them.

use crate::agent::builtin::condition::Reader;
use crate::agent::builtin::condition::expression::Comparison;
use crate::agent::builtin::knowledge::{Column, ColumnKind};
use crate::agent::builtin::token::Kind;

use super::beside::participle;

impl Reader<'_> {
    /// Whether something that compares stands here.
    pub(in crate::agent::builtin::condition) fn compares(&self, at: usize) -> bool {
        let any = Column { kind: ColumnKind::Text, ..Column::default() };
        self.comparison(at, &any).is_some() || self.sentence.is(at, &["older", "newer"])
    }

    /// The comparison that stands here and how many tokens it takes.
    #[expect(clippy::too_many_lines, reason = "one way of saying it after the other")]
    pub(in crate::agent::builtin::condition) fn comparison(
        &self,
        at: usize,
        column: &Column,
    ) -> Option<(Comparison, usize)> {
        let sentence = self.sentence;
        if sentence.kind(at) == Some(Kind::Operator) {
            let operator = match sentence.text(at) {
                "=" | "==" => "=",
                "!=" | "<>" | "≠" => "<>",
                "<" => "<",
                ">" => ">",
                "<=" | "≤" => "<=",
                ">=" | "≥" => ">=",
                _ => return None,
            };
            return Some((Comparison::Is(operator), 1));
        }
        // `a score of at least 60`
        if sentence.is(at, &["of"]) {
            if let Some((comparison, used)) = self.worded(at + 1, false, column) {
                return Some((comparison, used + 1));
            }
            let bare = column.kind == ColumnKind::Text
                && (self.free)(at + 1)
                && sentence.kind(at + 1) == Some(Kind::Word)
                && !sentence.is(at + 1, &["the", "our", "my", "all", "each", "every", "those", "it", "them"])
                && sentence.is(at.wrapping_sub(2), &["a", "an", "the", "with", "having"]);
            let value = matches!(sentence.kind(at + 1), Some(Kind::Number)) && column.kind == ColumnKind::Number
                || bare
                || sentence.get(at + 1).is_some_and(|token| token.quote == Some('\''));
            return value.then_some((Comparison::Is("="), 1));
        }
        let mut lead = 0;
        let copula = sentence.is(
            at,
            &[
                "is", "are", "was", "were", "isn't", "isnt", "aren't", "arent", "be", "being", "has", "have", "equals",
                "equal", "doesn't", "does", "do", "don't", "must", "should", "wasn't",
            ],
        );
        let mut negated = sentence.is(at, &["isn't", "isnt", "aren't", "arent", "doesn't", "don't", "wasn't"]);
        let equals = sentence.is(at, &["equals", "equal"]);
        if copula {
            lead += 1;
            if sentence.is(at + lead, &["be", "been"]) {
                lead += 1;
            }
            if sentence.is(at + lead, &["not"]) {
                negated = true;
                lead += 1;
            }
            // `is still empty`, `is always true`
            while sentence.is(
                at + lead,
                &[
                    "still",
                    "currently",
                    "already",
                    "always",
                    "now",
                    "exactly",
                    "yet",
                    "also",
                    "actually",
                    "strictly",
                    "only",
                ],
            ) {
                lead += 1;
            }
        } else if sentence.is(at, &["not", "never"]) {
            negated = true;
            lead += 1;
        }
        if equals {
            return Some((
                Comparison::Is(if negated { "<>" } else { "=" }),
                lead + usize::from(sentence.is(at + lead, &["to"])),
            ));
        }
        // `scac should be called carrier`, `phone is left out`: something happens to the column.
        if copula && participle(sentence.word(at + lead)) {
            return None;
        }
        self.worded(at + lead, negated, column).map(|(comparison, used)| (comparison, lead + used)).or_else(|| {
            // `status is active`, `country not DE`
            let means = copula || (negated && lead > 0);
            means.then_some((Comparison::Is(if negated { "<>" } else { "=" }), lead))
        })
    }

    /// `is negative`, `is not positive`: a comparison with nothing.
    pub(super) fn sign(&self, at: usize, column: &Column) -> Option<(&'static str, usize)> {
        let copula = usize::from(self.sentence.is(at, &["is", "are", "was", "were", "being", "be"]));
        let not = usize::from(self.sentence.is(at + copula, &["not"]));
        let here = at + copula + not;
        let operator = match (self.sentence.word(here), not == 1) {
            ("negative", false) => "<",
            ("negative", true) => ">=",
            ("positive", false) => ">",
            ("positive", true) => "<=",
            ("non-zero" | "nonzero", _) => "<>",
            _ => return None,
        };
        (column.kind == ColumnKind::Number).then_some((operator, here + 1))
    }

    #[expect(clippy::too_many_lines, reason = "one way of saying it after the other")]
    pub(in crate::agent::builtin::condition) fn worded(
        &self,
        at: usize,
        negated: bool,
        column: &Column,
    ) -> Option<(Comparison, usize)> {
        let sentence = self.sentence;
        let temporal = matches!(column.kind, ColumnKind::Date | ColumnKind::Timestamp);
        let flip = |plain: &'static str, inverse: &'static str| Comparison::Is(if negated { inverse } else { plain });
        let than = |at: usize| {
            usize::from(sentence.is(at, &["than"]))
                + 3 * usize::from(sentence.is(at + 1, &["or"]) && sentence.is(at + 2, &["equal"]))
        };
        let or_equal = |at: usize| sentence.is(at + 1, &["or"]) && sentence.is(at + 2, &["equal", "equals"]);
        let to_after = |at: usize| usize::from(sentence.is(at, &["to"]));
        Some(match sentence.word(at) {
            "null" | "nil" | "none" | "empty" | "missing" | "blank" | "unset" => (Comparison::Null { negated }, 1),
            "set" | "present" | "filled" | "known" | "populated" => (Comparison::Null { negated: !negated }, 1),
            "exists" | "exist" => (Comparison::Null { negated: !negated }, 1),
            "equal" | "equals" => (flip("=", "<>"), 1 + to_after(at + 1)),
            "anything" | "something" | "everything"
                if sentence.is(at + 1, &["other", "different"]) && sentence.is(at + 2, &["than", "from"]) =>
            {
                (flip("<>", "="), 3)
            }
            "different" | "differs" | "differ" | "other" | "anything"
                if sentence.is(at + 1, &["from", "than", "but"]) =>
            {
                (flip("<>", "="), 2)
            }
            "in" | "among" if sentence.text(at + 1) == "(" || !temporal && !sentence.is(at + 1, &["the"]) => {
                (Comparison::In { negated }, 1)
            }
            "one" | "any" | "either" if sentence.is(at + 1, &["of"]) || sentence.is(at, &["either"]) => (
                Comparison::In { negated },
                1 + usize::from(sentence.is(at + 1, &["of"]))
                    + usize::from(sentence.is(at + 2, &["the", "these", "those"])),
            ),
            "neither" => (Comparison::In { negated: !negated }, 1),
            "between" => (Comparison::Between { negated }, 1),
            "from" if self.range(at + 1, column) => (Comparison::Between { negated }, 1),
            "like" | "ilike" | "matches" | "matching" => (Comparison::Like { negated }, 1),
            "contains" | "containing" | "contain" | "includes" | "include" | "including" => {
                (Comparison::Contains { negated }, 1)
            }
            "starts" | "begins" | "starting" | "beginning" | "start" | "begin"
                if sentence.is(at + 1, &["with", "by", "in"]) =>
            {
                (Comparison::StartsWith { negated }, 2)
            }
            "ends" | "ending" | "end" if sentence.is(at + 1, &["with", "in", "on", "by"]) => {
                (Comparison::EndsWith { negated }, 2)
            }
            "older" if sentence.is(at + 1, &["than"]) => (Comparison::Age("<"), 2),
            "newer" | "younger" if sentence.is(at + 1, &["than"]) => (Comparison::Age(">"), 2),
            "more" | "greater" | "larger" | "bigger" | "higher" | "later" if sentence.is(at + 1, &["than"]) => (
                if or_equal(at + 1) { flip(">=", "<") } else { flip(">", "<=") },
                1 + than(at + 1) + usize::from(or_equal(at + 1) && sentence.is(at + 4, &["to"])),
            ),
            "less" | "smaller" | "lower" | "fewer" | "earlier" if sentence.is(at + 1, &["than"]) => (
                if or_equal(at + 1) { flip("<=", ">") } else { flip("<", ">=") },
                1 + than(at + 1) + usize::from(or_equal(at + 1) && sentence.is(at + 4, &["to"])),
            ),
            "no" if sentence.is(at + 1, &["less", "fewer", "earlier", "lower", "smaller"])
                && sentence.is(at + 2, &["than"]) =>
            {
                (Comparison::Is(">="), 3)
            }
            "no" if sentence.is(at + 1, &["more", "later", "higher", "bigger", "greater", "larger"])
                && sentence.is(at + 2, &["than"]) =>
            {
                (Comparison::Is("<="), 3)
            }
            "above" | "over" | "exceeds" | "exceeding" | "exceed" | "after" | "beyond" | "past" => (flip(">", "<="), 1),
            "below" | "under" | "beneath" | "before" => (flip("<", ">="), 1),
            "prior" if sentence.is(at + 1, &["to"]) => (flip("<", ">="), 2),
            "on" if sentence.is(at + 1, &["or"]) && sentence.is(at + 2, &["after"]) => (Comparison::Is(">="), 3),
            "on" if sentence.is(at + 1, &["or"]) && sentence.is(at + 2, &["before"]) => (Comparison::Is("<="), 3),
            "at" if sentence.is(at + 1, &["least"]) => (flip(">=", "<"), 2),
            "at" if sentence.is(at + 1, &["most"]) => (flip("<=", ">"), 2),
            "minimum" | "min" => (Comparison::Is(">="), 1 + usize::from(sentence.is(at + 1, &["of"]))),
            "maximum" | "max" => (Comparison::Is("<="), 1 + usize::from(sentence.is(at + 1, &["of"]))),
            "since" => (Comparison::Is(">="), 1),
            "from" if temporal => (Comparison::Is(">="), 1),
            "until" | "till" | "through" if temporal => (Comparison::Is("<="), 1),
            "up" if sentence.is(at + 1, &["to"]) => (Comparison::Is("<="), 2),
            _ => return None,
        })
    }

    /// `2 to 4`, `2-4`: two numbers and what stands between the ends of a range.
    pub(super) fn range(&self, at: usize, column: &Column) -> bool {
        let joined = |middle: usize| {
            self.sentence.is(middle, &["to", "until", "till", "through", "up"])
                || matches!(self.sentence.text(middle), "-" | "–")
        };
        column.kind == ColumnKind::Number
            && self.number(at).is_some_and(|(_, used)| {
                let up = usize::from(self.sentence.is(at + used, &["up"]));
                joined(at + used) && self.number(at + used + 1 + up).is_some()
            })
    }
}
