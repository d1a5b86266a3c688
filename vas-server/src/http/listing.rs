//! The order of lists, and what is looked for in them: by keys that are known, and the same each time.

use super::fields::Fields;
use super::schema::{DeviceSort, Order, StreamSort};
use crate::control::StreamInfo;
use std::str::FromStr;
use vas_core::model::Device;

/// Longest text that is looked for, in characters.
const LONGEST_SEARCH: usize = 200;

/// A key that a list may be sorted by.
pub(super) trait SortKey: FromStr + Copy {
    /// Where nothing is said: the order in which things were made.
    const DEFAULT: Self;
    /// What is said of a text that is none.
    const EXPECTED: &'static str;
}

impl SortKey for DeviceSort {
    const DEFAULT: Self = Self::CreatedAt;
    const EXPECTED: &'static str = "must be created_at, updated_at, name or location";
}

impl SortKey for StreamSort {
    const DEFAULT: Self = Self::CreatedAt;
    const EXPECTED: &'static str = "must be created_at, name, state or state_since";
}

/// A text that names no key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct UnknownKey;

impl FromStr for DeviceSort {
    type Err = UnknownKey;

    fn from_str(text: &str) -> Result<Self, UnknownKey> {
        Ok(match text {
            "created_at" => Self::CreatedAt,
            "updated_at" => Self::UpdatedAt,
            "name" => Self::Name,
            "location" => Self::Location,
            _ => return Err(UnknownKey),
        })
    }
}

impl FromStr for StreamSort {
    type Err = UnknownKey;

    fn from_str(text: &str) -> Result<Self, UnknownKey> {
        Ok(match text {
            "created_at" => Self::CreatedAt,
            "name" => Self::Name,
            "state" => Self::State,
            "state_since" => Self::StateSince,
            _ => return Err(UnknownKey),
        })
    }
}

impl FromStr for Order {
    type Err = UnknownKey;

    fn from_str(text: &str) -> Result<Self, UnknownKey> {
        match text {
            "asc" => Ok(Self::Asc),
            "desc" => Ok(Self::Desc),
            _ => Err(UnknownKey),
        }
    }
}

/// How a list is asked for: `?q=&sort=&order=`.
#[derive(Clone, Debug)]
pub(super) struct Listing<K> {
    /// In lower case.
    search: Option<String>,
    key: K,
    order: Order,
}

impl<K: SortKey> Listing<K> {
    pub(super) fn read(query: &mut Fields) -> Self {
        let search = query.text("q", LONGEST_SEARCH).filter(|text| !text.is_empty());
        Self {
            search: search.map(|text| text.to_lowercase()),
            key: query.parsed("sort", K::EXPECTED).unwrap_or(K::DEFAULT),
            order: query.parsed("order", "must be asc or desc").unwrap_or(Order::Asc),
        }
    }

    fn finds<'a>(&self, texts: impl IntoIterator<Item = &'a str>) -> bool {
        self.search
            .as_ref()
            .is_none_or(|search| texts.into_iter().any(|text| text.to_lowercase().contains(search)))
    }
}

impl Listing<DeviceSort> {
    /// Whether it is the list as it is stored.
    pub(super) const fn is_plain(&self) -> bool {
        self.search.is_none() && matches!((self.key, self.order), (DeviceSort::CreatedAt, Order::Asc))
    }

    /// Leaves what was looked for, in order. Names are told apart as people do, whatever their case.
    pub(super) fn apply(&self, devices: &mut Vec<Device>) {
        devices.retain(|device| {
            let fields = &device.fields;
            let texts = [Some(&fields.name), fields.description.as_ref(), fields.location.as_ref()];
            self.finds(texts.into_iter().flatten().map(String::as_str))
        });
        match self.key {
            DeviceSort::CreatedAt => devices.sort_by_key(|device| (device.created_at, device.id)),
            DeviceSort::UpdatedAt => devices.sort_by_key(|device| (device.updated_at, device.id)),
            DeviceSort::Name => {
                devices.sort_by_cached_key(|device| (device.fields.name.to_lowercase(), device.id));
            }
            DeviceSort::Location => devices.sort_by_cached_key(|device| {
                (device.fields.location.as_ref().map(|text| text.to_lowercase()), device.id)
            }),
        }
        if matches!(self.order, Order::Desc) {
            devices.reverse();
        }
    }
}

impl Listing<StreamSort> {
    /// Leaves what was looked for, in order.
    pub(super) fn apply(&self, streams: &mut Vec<StreamInfo>) {
        let name = |info: &StreamInfo| info.stream.name.as_ref().unwrap_or(&info.device.fields.name).clone();
        streams.retain(|info| self.finds([name(info).as_str()]));
        match self.key {
            StreamSort::CreatedAt => streams.sort_by_key(|info| (info.stream.created_at, info.stream.id)),
            StreamSort::Name => {
                streams.sort_by_cached_key(|info| (name(info).to_lowercase(), info.stream.id));
            }
            StreamSort::State => streams.sort_by_key(|info| (info.present.state.name(), info.stream.id)),
            StreamSort::StateSince => streams.sort_by_key(|info| (info.present.since, info.stream.id)),
        }
        if matches!(self.order, Order::Desc) {
            streams.reverse();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vas_core::model::{CameraUrl, DeviceFields, TenantId};
    use vas_core::{DeviceId, WallTime};

    fn device(name: &str, location: Option<&str>, created: i64) -> Device {
        let url = CameraUrl::parse("rtsp://192.0.2.1/a").unwrap();
        let (name, location) = (name.to_owned(), location.map(ToOwned::to_owned));
        Device {
            id: DeviceId::random(),
            tenant: TenantId::default(),
            fields: DeviceFields { name, url, sub_url: None, description: None, location },
            created_at: WallTime::from_unix_micros(created),
            updated_at: None,
        }
    }

    fn listed(pairs: &[(&str, &str)]) -> Vec<String> {
        let mut devices =
            vec![device("gate", Some("North"), 3), device("Yard", None, 1), device("Door", Some("south"), 2)];
        let pairs = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let mut query = Fields::of_query(pairs);
        let listing = Listing::<DeviceSort>::read(&mut query);
        query.finish().unwrap();
        listing.apply(&mut devices);
        devices.into_iter().map(|device| device.fields.name).collect()
    }

    #[test]
    fn lists_are_sorted_and_searched_in_any_case() {
        assert_eq!(listed(&[]), ["Yard", "Door", "gate"]);
        assert_eq!(listed(&[("sort", "name")]), ["Door", "gate", "Yard"]);
        assert_eq!(listed(&[("sort", "name"), ("order", "desc")]), ["Yard", "gate", "Door"]);
        assert_eq!(listed(&[("q", "ORTH")]), ["gate"]);
        assert_eq!(listed(&[("sort", "location")]), ["Yard", "gate", "Door"]);
    }

    #[test]
    fn keys_that_are_not_known_are_refused() {
        let pairs = [("sort", "rtsp_url"), ("order", "up")];
        let mut query = Fields::of_query(pairs.map(|(a, b)| (a.to_owned(), b.to_owned())).into_iter());
        Listing::<DeviceSort>::read(&mut query);
        assert!(query.finish().is_err());
    }
}
