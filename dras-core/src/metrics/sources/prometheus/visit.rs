//! One visitor for each level of the JSON, all writing into one [`Reader`].

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::super::{Text, excerpt, number_of};
use super::read::{At, Form, Problem, Reader};
use crate::units::Millis;

/// The whole body.
pub(super) struct Answer<'c, 'r, 'de>(pub(super) &'c mut Reader<'r, 'de>);

impl<'de> DeserializeSeed<'de> for Answer<'_, '_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Answer<'_, '_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an answer of Prometheus, an object with `status` and `data`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let reader = self.0;
        while let Some(key) = map.next_key::<Text<'de>>()? {
            reader.at = At::Top;
            match &*key.0 {
                "status" => {
                    let status = map.next_value::<Text<'de>>()?.0;
                    if reader.status.replace(status).is_some() {
                        return Err(reader.fail(Problem::Twice("status".to_owned())));
                    }
                }
                // An answer that says it failed may hold anything here.
                "data" if reader.status.as_deref() == Some("error") => {
                    map.next_value::<IgnoredAny>()?;
                }
                "data" => {
                    if reader.has_data {
                        return Err(reader.fail(Problem::Twice("data".to_owned())));
                    }
                    reader.at = At::Data;
                    map.next_value_seed(Data(&mut *reader))?;
                }
                "errorType" => reader.error_type = map.next_value::<Option<Text<'de>>>()?.map(|t| t.0),
                "error" => reader.error = map.next_value::<Option<Text<'de>>>()?.map(|t| t.0),
                "warnings" => reader.warnings = map.next_value::<Option<Vec<String>>>()?.unwrap_or_default(),
                "infos" => reader.infos = map.next_value::<Option<Vec<String>>>()?.unwrap_or_default(),
                "isPartial" => reader.partial = map.next_value::<Option<bool>>()?.unwrap_or_default(),
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

/// `data`, which may be null in an answer that says it failed.
struct Data<'c, 'r, 'de>(&'c mut Reader<'r, 'de>);

impl<'de> DeserializeSeed<'de> for Data<'_, '_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Data<'_, '_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with `resultType` and `result`")
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let reader = self.0;
        reader.has_data = true;
        while let Some(key) = map.next_key::<Text<'de>>()? {
            match &*key.0 {
                "resultType" => {
                    if reader.declared.is_some() {
                        return Err(reader.fail(Problem::Twice("resultType".to_owned())));
                    }
                    reader.declared = Some(map.next_value::<Text<'de>>()?.0);
                }
                "result" => {
                    if std::mem::replace(&mut reader.has_result, true) {
                        return Err(reader.fail(Problem::Twice("result".to_owned())));
                    }
                    reader.at = At::Result;
                    map.next_value_seed(Results(&mut *reader))?;
                    reader.at = At::Data;
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

/// `result`: a list of series, or the time and value of a scalar or text.
struct Results<'c, 'r, 'de>(&'c mut Reader<'r, 'de>);

impl<'de> DeserializeSeed<'de> for Results<'_, '_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Results<'_, '_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of series, or the time and value of a scalar")
    }

    /// Some servers write an empty list as null.
    fn visit_unit<E: serde::de::Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let reader = self.0;
        while seq.next_element_seed(Element(&mut *reader))?.is_some() {}
        reader.at = At::Result;
        if reader.form == Some(Form::Pair) && reader.pair.1.is_none() {
            return Err(A::Error::invalid_length(1, &"a time and a value"));
        }
        Ok(())
    }
}

/// One element of `result`.
struct Element<'c, 'r, 'de>(&'c mut Reader<'r, 'de>);

impl<'de> Element<'_, '_, 'de> {
    fn time<E: serde::de::Error>(self, time: Result<Millis, String>) -> Result<(), E> {
        if self.0.form.is_some() || self.0.series > 0 {
            return Err(self.0.fail(Problem::Shape("a number among the series".to_owned())));
        }
        self.0.form = Some(Form::Pair);
        self.0.pair.0 = Some(time.map_err(|given| self.0.fail(Problem::Time(given)))?);
        Ok(())
    }

    fn text<E: serde::de::Error>(self, text: Cow<'de, str>) -> Result<(), E> {
        if self.0.form != Some(Form::Pair) || self.0.pair.1.is_some() {
            return Err(self.0.fail(Problem::Shape("a text among the series".to_owned())));
        }
        self.0.pair.1 = Some(text);
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Element<'_, '_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        self.0.at = At::Series(self.0.series);
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Element<'_, '_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a series, an object with `metric` and `value` or `values`")
    }

    fn visit_u64<E: serde::de::Error>(self, seconds: u64) -> Result<(), E> {
        self.time(time_of_u64(seconds))
    }

    fn visit_i64<E: serde::de::Error>(self, seconds: i64) -> Result<(), E> {
        self.time(time_of_i64(seconds))
    }

    fn visit_f64<E: serde::de::Error>(self, seconds: f64) -> Result<(), E> {
        self.time(time_of_f64(seconds))
    }

    fn visit_borrowed_str<E: serde::de::Error>(self, text: &'de str) -> Result<(), E> {
        self.text(Cow::Borrowed(text))
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<(), E> {
        self.text(Cow::Owned(text.to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let reader = self.0;
        let index = reader.series;
        if reader.form == Some(Form::Pair) {
            return Err(reader.fail(Problem::Shape("a series beside the time of a scalar".to_owned())));
        }
        if index >= reader.limits.max_series {
            return Err(reader.fail(Problem::TooManySeries));
        }
        reader.labels.clear();
        reader.times.clear();
        reader.values.clear();
        let (mut has_metric, mut form, mut histogram) = (false, None, false);
        while let Some(key) = map.next_key::<Text<'de>>()? {
            match &*key.0 {
                "metric" => {
                    if std::mem::replace(&mut has_metric, true) {
                        return Err(reader.fail(Problem::Twice("metric".to_owned())));
                    }
                    reader.at = At::Metric(index);
                    map.next_value_seed(Metric(&mut *reader))?;
                }
                "value" | "values" if form.is_some() => {
                    return Err(reader.fail(Problem::Twice(key.0.into_owned())));
                }
                "value" => {
                    form = Some(Form::Single);
                    reader.at = At::Value(index);
                    map.next_value_seed(Sample(&mut *reader))?;
                }
                "values" => {
                    form = Some(Form::Many);
                    reader.at = At::Values(index, 0);
                    map.next_value_seed(Samples(&mut *reader))?;
                }
                "histogram" | "histograms" => {
                    histogram = true;
                    map.next_value::<IgnoredAny>()?;
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
            reader.at = At::Series(index);
        }
        if !has_metric {
            return Err(reader.fail(Problem::Missing("metric")));
        }
        if let Err(twice) = reader.labels.sort() {
            reader.at = At::Metric(index);
            return Err(reader.fail(Problem::Twice(excerpt(&twice.0))));
        }
        if histogram {
            let series = excerpt(&reader.labels.to_string());
            return Err(reader.fail(Problem::Histogram(series)));
        }
        let Some(form) = form else {
            return Err(reader.fail(Problem::Missing("value")));
        };
        if reader.form.is_some_and(|f| f != form) {
            return Err(reader.fail(Problem::Shape("`value` and `values` in one answer".to_owned())));
        }
        reader.form = Some(form);
        reader.series += 1;
        if !(reader.take)(&reader.labels, &reader.times, &reader.values) {
            return Err(reader.fail(Problem::Stopped));
        }
        Ok(())
    }
}

/// `metric`: the labels of a series.
struct Metric<'c, 'r, 'de>(&'c mut Reader<'r, 'de>);

impl<'de> DeserializeSeed<'de> for Metric<'_, '_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Metric<'_, '_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of labels")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        // Quotes and separator count too, so that the number of labels is bounded.
        const AROUND: usize = 4;
        let reader = self.0;
        let mut bytes = 0;
        while let Some((name, value)) = map.next_entry::<Text<'de>, Text<'de>>()? {
            bytes += name.0.len() + value.0.len() + AROUND;
            if bytes > reader.limits.max_label_bytes {
                return Err(reader.fail(Problem::LabelsTooLong));
            }
            reader.labels.push(name.0, value.0);
        }
        Ok(())
    }
}

/// `values`: the samples of a series.
struct Samples<'c, 'r, 'de>(&'c mut Reader<'r, 'de>);

impl<'de> DeserializeSeed<'de> for Samples<'_, '_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Samples<'_, '_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of samples")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let index = self.0.series;
        while seq.next_element_seed(Sample(&mut *self.0))?.is_some() {
            self.0.at = At::Values(index, self.0.times.len());
        }
        Ok(())
    }
}

/// One sample: `[1795238334.993, "0.25"]`.
struct Sample<'c, 'r, 'de>(&'c mut Reader<'r, 'de>);

impl<'de> DeserializeSeed<'de> for Sample<'_, '_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Sample<'_, '_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a sample, its time in seconds and its value as a string")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let reader = self.0;
        if reader.samples >= reader.limits.max_samples {
            return Err(reader.fail(Problem::TooManySamples));
        }
        let Some(time) = seq.next_element_seed(Time(&mut *reader))? else {
            return Err(A::Error::invalid_length(0, &"a time and a value"));
        };
        let Some(value) = seq.next_element_seed(Value(&mut *reader))? else {
            return Err(A::Error::invalid_length(1, &"a time and a value"));
        };
        if seq.next_element::<IgnoredAny>()?.is_some() {
            return Err(A::Error::invalid_length(3, &"a time and a value"));
        }
        reader.samples += 1;
        reader.times.push(time);
        reader.values.push(value);
        Ok(())
    }
}

/// The time of a sample.
struct Time<'c, 'r, 'de>(&'c mut Reader<'r, 'de>);

impl<'de> DeserializeSeed<'de> for Time<'_, '_, 'de> {
    type Value = Millis;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Millis, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Visitor<'_> for Time<'_, '_, '_> {
    type Value = Millis;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a time in seconds")
    }

    fn visit_u64<E: serde::de::Error>(self, seconds: u64) -> Result<Millis, E> {
        time_of_u64(seconds).map_err(|given| self.0.fail(Problem::Time(given)))
    }

    fn visit_i64<E: serde::de::Error>(self, seconds: i64) -> Result<Millis, E> {
        time_of_i64(seconds).map_err(|given| self.0.fail(Problem::Time(given)))
    }

    fn visit_f64<E: serde::de::Error>(self, seconds: f64) -> Result<Millis, E> {
        time_of_f64(seconds).map_err(|given| self.0.fail(Problem::Time(given)))
    }
}

/// The value of a sample.
struct Value<'c, 'r, 'de>(&'c mut Reader<'r, 'de>);

impl<'de> DeserializeSeed<'de> for Value<'_, '_, 'de> {
    type Value = f64;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<f64, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Value<'_, '_, '_> {
    type Value = f64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the value of a sample as a string, such as \"0.25\"")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<f64, E> {
        number_of(text).ok_or_else(|| self.0.fail(Problem::Value(excerpt(text))))
    }
}

fn time_of_u64(seconds: u64) -> Result<Millis, String> {
    let ms = i64::try_from(seconds).ok().and_then(|s| s.checked_mul(1000));
    ms.ok_or_else(|| seconds.to_string())
}

fn time_of_i64(seconds: i64) -> Result<Millis, String> {
    seconds.checked_mul(1000).ok_or_else(|| seconds.to_string())
}

fn time_of_f64(seconds: f64) -> Result<Millis, String> {
    // 2^63 is the first float that does not fit; −2^63 is the last that does.
    const BOUND: f64 = 9_223_372_036_854_775_808.0;
    let ms = (seconds * 1000.0).round();
    if (-BOUND..BOUND).contains(&ms) {
        Ok(ms as Millis)
    } else {
        Err(format!("{seconds:e}"))
    }
}
