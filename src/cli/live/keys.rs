//! What each key does in the window of a live run: one table, from which the help over the picture and the
//! documentation are made, and one function beside it that is held against the table by a test.
//!
//! Keys are those that people know from mpv and OBS. They are characters, not places on the keyboard.

use crate::sink::window::Press;

/// What a press asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    /// Ends the run; recordings are finished.
    Quit,
    /// Goes on painting the present frame, or takes new ones again.
    Freeze,
    /// Saves what is shown as a PNG.
    Screenshot,
    /// Begins a recording, or finishes it.
    Record,
    /// Saves the last ten seconds.
    SaveClip,
    /// Paints in the style at this place, from 0, at once.
    Style(usize),
    /// Fades to the next style.
    NextStyle,
    /// Fades to the style before.
    PreviousStyle,
    /// The style counts for less.
    WeakerStyle,
    /// The style counts for more.
    StrongerStyle,
    /// Keeps the source's colours, or no longer.
    KeepColor,
    /// Less steadiness: livelier.
    LessSteady,
    /// More steadiness: calmer.
    Steadier,
    /// Exchanges left and right, or no longer.
    Mirror,
    /// Shows the source beside the painting, divided where the mouse is, or no longer.
    Split,
    /// Shows the keys, or no longer.
    Help,
    /// Shows the instruments, or no longer.
    Hud,
}

/// Keys, several separated by spaces, and what they do. In the order in which they are explained.
pub(super) const TABLE: [(&str, &str); 14] = [
    ("1–9", "choose a style"),
    ("← →", "fade to the previous or next style"),
    ("[ ]", "weaker or stronger style"),
    ("k", "keep the source's colours"),
    ("- =", "less steady or steadier"),
    ("Space", "freeze"),
    ("m", "mirror"),
    ("x", "source | painted, divided at the mouse"),
    ("s", "save a screenshot"),
    ("r", "start or stop recording"),
    ("c", "save the last ten seconds"),
    ("d", "instruments on or off"),
    ("h ?", "this help"),
    ("q Esc", "quit"),
];

/// What a press means, if anything. Capital letters mean the same as small ones.
pub(super) fn action(press: Press) -> Option<Action> {
    Some(match press {
        Press::Closed | Press::Escape => Action::Quit,
        Press::Left => Action::PreviousStyle,
        Press::Right => Action::NextStyle,
        // Only what is turned up and down goes on while a key is held; nobody wants to switch back and forth.
        Press::Repeat(char) => turned(char)?,
        Press::Char(char) => match char.to_ascii_lowercase() {
            'q' => Action::Quit,
            ' ' => Action::Freeze,
            's' => Action::Screenshot,
            'r' => Action::Record,
            'c' => Action::SaveClip,
            'k' => Action::KeepColor,
            'm' => Action::Mirror,
            'x' => Action::Split,
            'h' | '?' => Action::Help,
            'd' => Action::Hud,
            '1'..='9' => Action::Style(char as usize - '1' as usize),
            _ => turned(char)?,
        },
    })
}

fn turned(char: char) -> Option<Action> {
    Some(match char {
        '[' => Action::WeakerStyle,
        ']' => Action::StrongerStyle,
        '-' => Action::LessSteady,
        // The same key on most keyboards, with and without shift.
        '=' | '+' => Action::Steadier,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{Frame, Size};
    use crate::sink::window::Help;
    use std::collections::HashSet;

    /// What somebody presses who has read the table.
    fn presses(keys: &str) -> Vec<Press> {
        let press = |key: &str| match key {
            "1–9" => ('1'..='9').map(Press::Char).collect(),
            "←" => vec![Press::Left],
            "→" => vec![Press::Right],
            "Esc" => vec![Press::Escape],
            "Space" => vec![Press::Char(' ')],
            _ => {
                assert_eq!(key.chars().count(), 1, "{key}");
                key.chars().map(Press::Char).collect()
            }
        };
        keys.split(' ').flat_map(press).collect()
    }

    #[test]
    fn every_key_of_the_table_does_something_and_every_key_that_does_is_in_the_table() {
        let told: HashSet<Press> = TABLE.iter().flat_map(|(keys, _)| presses(keys)).collect();
        assert!(told.iter().all(|press| action(*press).is_some()));
        let possible = (0..0x250).filter_map(char::from_u32).map(Press::Char);
        for press in possible.chain([Press::Left, Press::Right, Press::Escape]) {
            let means = action(press);
            // A synonym of a key in the table means what that key does.
            let known = told.contains(&press) || told.iter().any(|told| action(*told) == means);
            assert!(means.is_none() || known, "{press:?}");
        }
        let actions: Vec<_> = told.iter().filter_map(|press| action(*press)).collect();
        for row in TABLE {
            let meant: Vec<_> = presses(row.0).into_iter().filter_map(action).collect();
            for other in TABLE.iter().filter(|other| **other != row) {
                assert!(presses(other.0).iter().all(|press| !meant.contains(&action(*press).unwrap())));
            }
        }
        // All seventeen kinds of action, nine of them styles, two keys each for help and quitting.
        assert_eq!(
            actions.iter().copied().map(|action| format!("{action:?}")).collect::<HashSet<_>>().len(),
            25
        );
    }

    #[test]
    fn held_keys_go_on_only_where_something_is_turned_up_or_down() {
        for char in (0..0x250).filter_map(char::from_u32) {
            let repeats = "[]-=+".contains(char);
            assert_eq!(action(Press::Repeat(char)).is_some(), repeats, "{char:?}");
            assert!(!repeats || action(Press::Repeat(char)) == action(Press::Char(char)));
        }
    }

    #[test]
    fn keys_mean_what_people_expect() {
        for (press, expected) in [
            (Press::Char('Q'), Some(Action::Quit)),
            (Press::Closed, Some(Action::Quit)),
            (Press::Char('1'), Some(Action::Style(0))),
            (Press::Char('9'), Some(Action::Style(8))),
            (Press::Char('0'), None),
            (Press::Char('?'), Some(Action::Help)),
            (Press::Char('ß'), None),
        ] {
            assert_eq!(action(press), expected, "{press:?}");
        }
    }

    #[test]
    fn the_whole_table_fits_into_the_smallest_first_window() {
        let drawn = |keys: &[(&str, &str)]| {
            let mut frame = Frame::from_fn(Size::new(640, 360), |_, _| [90, 120, 60]);
            Help { title: "Keys", keys }.draw(&mut frame);
            frame
        };
        let mut without_the_last = TABLE;
        without_the_last[TABLE.len() - 1] = ("", "");
        assert!(drawn(&TABLE) != drawn(&without_the_last));
    }
}
