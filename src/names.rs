//! Choices that have a name on the command line: one line gives an enum its `Display`, its `FromStr`
//! and an error that lists what there is.

/// Implements `Display` and `FromStr` for an enum of names.
macro_rules! names {
    ($type:ident, $what:literal, $($variant:ident = $name:literal),+ $(,)?) => {
        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(match self { $(Self::$variant => $name),+ })
            }
        }
        impl std::str::FromStr for $type {
            type Err = $crate::error::Error;
            fn from_str(text: &str) -> $crate::error::Result<Self> {
                match text {
                    $($name => Ok(Self::$variant),)+
                    _ => Err($crate::error::Error::usage(format!(concat!("unknown ", $what, " '{}'"), text))
                        .hint(concat!("choose one of:" $(, " ", $name)+))),
                }
            }
        }
    };
}

pub(crate) use names;
