//! What the generated tables expand to.

/// Rust enums for the string enums of the model.
macro_rules! string_enums {
    ($($name:ident { $($variant:ident = $value:literal,)* })*) => {$(
        #[doc = concat!("The `", stringify!($name), "` of the model.")]
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {$(
            #[doc = concat!("`", $value, "` on the wire.")]
            $variant,
        )*}

        impl $name {
            /// Every value, in the model's order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The value as it travels.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $value),* }
            }

            /// The value that travels as this text, if there is one. Case-sensitive.
            pub fn from_wire(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|value| value.as_str() == text)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                Self::from_wire(&text).ok_or_else(|| serde::de::Error::custom(format_args!("no value {text:?}")))
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    )*};
}
pub(crate) use string_enums;

/// `Action`, `Request` and `Response`, from lines `Name Read Tier Input` or `Name Write Tier Input -> Output`.
macro_rules! actions {
    ($($name:ident $kind:ident $tier:literal $input:ident $(-> $output:ident)?,)*) => {
        /// An action that is answered here.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Action {$(
            #[doc = concat!("`", stringify!($name), "`.")]
            $name,
        )*}

        impl Action {
            /// Every action, sorted by name.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// Its name on the wire.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name)),* }
            }

            /// Whether it can change anything.
            pub const fn kind(self) -> crate::ActionKind {
                match self { $(Self::$name => crate::ActionKind::$kind),* }
            }

            /// How much stands behind its answer: packets, processes and disks (1), state that clients create and
            /// read back (2), or the right answer about what cannot exist here (3).
            pub const fn tier(self) -> u8 {
                match self { $(Self::$name => $tier),* }
            }

            /// Its request with nothing in it.
            pub fn empty_request(self) -> Request {
                match self { $(Self::$name => Request::$name(Box::default())),* }
            }
        }

        /// What an action was asked, for any action.
        #[derive(Debug, Clone, PartialEq)]
        pub enum Request {$(
            #[doc = concat!("What `", stringify!($name), "` was asked.")]
            $name(Box<crate::$input>),
        )*}

        impl Request {
            /// The action that was asked for.
            pub const fn action(&self) -> Action {
                match self { $(Self::$name(_) => Action::$name),* }
            }
        }

        $(impl From<crate::$input> for Request {
            fn from(request: crate::$input) -> Self {
                Self::$name(Box::new(request))
            }
        })*

        /// What an action answers, for any action. An action whose success says nothing more has no content.
        #[derive(Debug, Clone, PartialEq)]
        pub enum Response {$(
            #[doc = concat!("What `", stringify!($name), "` answers.")]
            $name $((Box<crate::$output>))?,
        )*}

        impl Response {
            /// The action that answers.
            pub const fn action(&self) -> Action {
                match self { $(crate::macros::answer!($name $($output)?) => Action::$name),* }
            }
        }
    };
}
pub(crate) use actions;

/// The pattern of a response, which has content only where the action has an output.
macro_rules! answer {
    ($name:ident $output:ident) => {
        Self::$name(_)
    };
    ($name:ident) => {
        Self::$name
    };
}
pub(crate) use answer;

/// Members that many inputs share, and the actions whose inputs have them.
macro_rules! flags {
    (dry_run: [$($dry_run:ident)*] client_token: [$($client_token:ident)*]) => {
        impl Request {
            /// `DryRun`, where the action has it and the caller gave it.
            pub fn dry_run(&self) -> Option<bool> {
                match self {
                    $(Self::$dry_run(request) => request.dry_run,)*
                    #[allow(unreachable_patterns)]
                    _ => None,
                }
            }

            /// `ClientToken`, where the action has it and the caller gave it.
            pub fn client_token(&self) -> Option<&str> {
                match self {
                    $(Self::$client_token(request) => crate::macros::Token::token(&request.client_token),)*
                    #[allow(unreachable_patterns)]
                    _ => None,
                }
            }
        }
    };
}
pub(crate) use flags;

/// A `ClientToken`, which some inputs require and others do not.
pub(crate) trait Token {
    fn token(&self) -> Option<&str>;
}

impl Token for Option<String> {
    fn token(&self) -> Option<&str> {
        self.as_deref()
    }
}

impl Token for String {
    fn token(&self) -> Option<&str> {
        Some(self)
    }
}
