//! What was pressed, in the order in which it was.
//!
//! The window system calls while its events are read, once for every press, so that a tap is in the list
//! however short it was and however long nobody looked. Characters are taken as the keyboard's layout
//! makes them: `[` is one key here and two elsewhere.

use minifb::{InputCallback, Key};
use std::cell::RefCell;
use std::rc::Rc;

/// Something that was pressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Press {
    /// A key, or several together, that make this character.
    Char(char),
    /// The same once more, because the key is still held down.
    Repeat(char),
    /// The arrow to the left.
    Left,
    /// The arrow to the right.
    Right,
    /// The escape key.
    Escape,
    /// The window's own button to close it, or whatever else the desktop has for that. Told once.
    Closed,
}

/// The list of presses, shared between the window, which empties it, and whoever is called with keys.
#[derive(Debug, Clone, Default)]
pub(super) struct Keyboard {
    state: Rc<RefCell<State>>,
}

#[derive(Debug, Default)]
struct State {
    presses: Vec<Press>,
    held: Vec<Key>,
    /// The key that was told last has been down already, so the character that follows is a repetition.
    /// A key that the library has no name for is not told, and its characters count as new.
    repeating: bool,
}

impl Keyboard {
    /// Takes the presses out.
    pub(super) fn take(&self) -> Vec<Press> {
        let mut state = self.state.borrow_mut();
        state.repeating = false;
        std::mem::take(&mut state.presses)
    }

    pub(super) fn push(&self, press: Press) {
        self.state.borrow_mut().presses.push(press);
    }

    /// To be called when the window has lost the keys: what is let go elsewhere is not told here.
    pub(super) fn forget_held(&self) {
        self.state.borrow_mut().held.clear();
    }
}

impl InputCallback for Keyboard {
    fn add_char(&mut self, code: u32) {
        let mut state = self.state.borrow_mut();
        let repeating = std::mem::take(&mut state.repeating);
        // Control characters are keys with names (Escape), or held together with Ctrl and meant for nobody.
        if let Some(char) = char::from_u32(code).filter(|char| !char.is_control()) {
            state.presses.push(if repeating { Press::Repeat(char) } else { Press::Char(char) });
        }
    }

    fn set_key_state(&mut self, key: Key, down: bool) {
        let mut state = self.state.borrow_mut();
        state.repeating = down && state.held.contains(&key);
        if !down {
            state.held.retain(|held| *held != key);
        } else if !state.repeating {
            state.held.push(key);
            state.presses.extend(match key {
                Key::Left => Some(Press::Left),
                Key::Right => Some(Press::Right),
                Key::Escape => Some(Press::Escape),
                _ => None,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Presses a key, as the window system tells it.
    fn press(keyboard: &mut Keyboard, key: Key, char: Option<char>) {
        keyboard.set_key_state(key, true);
        char.into_iter().for_each(|char| keyboard.add_char(char.into()));
    }

    #[test]
    fn taps_between_two_looks_are_all_there_in_order() {
        let mut keyboard = Keyboard::default();
        for (key, char) in
            [(Key::Q, Some('q')), (Key::Left, None), (Key::Q, Some('q')), (Key::Key8, Some('['))]
        {
            press(&mut keyboard, key, char);
            keyboard.set_key_state(key, false);
        }
        keyboard.push(Press::Closed);
        let expected = [Press::Char('q'), Press::Left, Press::Char('q'), Press::Char('['), Press::Closed];
        assert_eq!(keyboard.take(), expected);
        assert_eq!(keyboard.take(), []);
    }

    #[test]
    fn a_held_key_repeats_as_such_and_arrows_and_escape_do_not() {
        let mut keyboard = Keyboard::default();
        for (key, char) in [(Key::Minus, Some('-')), (Key::Right, None), (Key::Escape, Some('\x1b'))] {
            (0..3).for_each(|_| press(&mut keyboard, key, char));
            keyboard.set_key_state(key, false);
        }
        let dash = [Press::Char('-'), Press::Repeat('-'), Press::Repeat('-')];
        assert_eq!(keyboard.take(), [dash.as_slice(), &[Press::Right, Press::Escape]].concat());
        press(&mut keyboard, Key::Minus, Some('-'));
        assert_eq!(keyboard.take(), [Press::Char('-')]);
    }

    #[test]
    fn two_keys_at_once_are_told_apart() {
        let mut keyboard = Keyboard::default();
        press(&mut keyboard, Key::S, Some('s'));
        press(&mut keyboard, Key::R, Some('r'));
        press(&mut keyboard, Key::R, Some('r'));
        keyboard.set_key_state(Key::S, false);
        // A key without a name: only its character is told.
        keyboard.add_char('?'.into());
        let expected = [Press::Char('s'), Press::Char('r'), Press::Repeat('r'), Press::Char('?')];
        assert_eq!(keyboard.take(), expected);
    }

    #[test]
    fn a_key_let_go_in_another_window_is_new_when_it_comes_again() {
        let mut keyboard = Keyboard::default();
        press(&mut keyboard, Key::S, Some('s'));
        keyboard.forget_held();
        press(&mut keyboard, Key::S, Some('s'));
        assert_eq!(keyboard.take(), [Press::Char('s'), Press::Char('s')]);
    }

    #[test]
    fn control_characters_are_no_characters() {
        let mut keyboard = Keyboard::default();
        for code in [0x11, 0x1b, 0x0d, 0x7f, 0x11_0000, 0xd800] {
            keyboard.add_char(code);
        }
        assert_eq!(keyboard.take(), []);
    }
}
