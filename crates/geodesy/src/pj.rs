//! PROJ objects behind safe functions: all `unsafe` code of this crate.
//!
//! PROJ's objects and contexts belong to one thread. Each thread has one context,
//! made at first use and never freed before the thread ends; objects borrow it.
#![expect(
    unsafe_code,
    reason = "the proj crate wraps transformations only, and not what a CRS is"
)]

use std::ffi::{CStr, CString, c_char};
use std::path::Path;
use std::ptr;
use std::sync::OnceLock;

use proj_sys as sys;

/// What kind of object a definition describes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Geographic2d,
    Geographic3d,
    Geocentric,
    Projected,
    Vertical,
    Compound,
    Bound,
    /// Engineering, temporal and other CRSs without a known place on Earth.
    OtherCrs,
    NotACrs,
}

/// One axis of a CRS.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Axis {
    pub(crate) abbreviation: String,
    pub(crate) direction: String,
    /// Metres or radians in one unit.
    pub(crate) unit_factor: f64,
}

/// Makes the contexts of all threads read the database that the binary carries.
///
/// Also those that the `proj` crate makes: PROJ copies its default context whenever
/// it makes one.
pub(crate) fn prepare() -> Result<(), String> {
    static PREPARED: OnceLock<Result<(), String>> = OnceLock::new();
    PREPARED
        .get_or_init(|| use_database_in(crate::database::folder()?))
        .clone()
}

fn use_database_in(folder: &Path) -> Result<(), String> {
    let c_text = |path: &Path| {
        path.to_str()
            .and_then(|text| CString::new(text).ok())
            .ok_or_else(|| {
                format!(
                    "{}: PROJ cannot read from a path with such letters",
                    path.display()
                )
            })
    };
    let folder_text = c_text(folder)?;
    let database_text = c_text(&folder.join("proj.db"))?;
    let folders = [folder_text.as_ptr()];
    // SAFETY: null is PROJ's default context. PROJ copies the texts, which live until
    // the end of this function. `prepare` lets one thread come here, once, before any
    // other use of PROJ, so that nobody else touches the default context meanwhile.
    let opened = unsafe {
        sys::proj_log_level(ptr::null_mut(), sys::PJ_LOG_LEVEL_PJ_LOG_NONE);
        sys::proj_context_set_search_paths(ptr::null_mut(), 1, folders.as_ptr());
        sys::proj_context_set_database_path(
            ptr::null_mut(),
            database_text.as_ptr(),
            ptr::null(),
            ptr::null(),
        )
    };
    if opened == 1 {
        Ok(())
    } else {
        Err(format!(
            "{}: PROJ cannot open its coordinate database",
            folder.join("proj.db").display()
        ))
    }
}

/// PROJ's state for one thread.
struct Context(*mut sys::PJ_CONTEXT);

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: made by `proj_context_create`, destroyed once. Objects cannot be
        // alive: they borrow it inside `with_object`.
        unsafe {
            sys::proj_context_destroy(self.0);
        }
    }
}

thread_local! {
    // SAFETY: takes no argument; a null context would be PROJ's default one, which
    // serves as well.
    static CONTEXT: Context = Context(unsafe { sys::proj_context_create() });
}

/// A PROJ object of this thread.
pub(crate) struct Object<'a> {
    raw: ptr::NonNull<sys::PJ>,
    context: &'a Context,
}

impl Drop for Object<'_> {
    fn drop(&mut self) {
        // SAFETY: a live object that belongs to us, destroyed once.
        unsafe {
            sys::proj_destroy(self.raw.as_ptr());
        }
    }
}

/// Calls `ask` with the object that `definition` describes, or nothing if PROJ knows none.
pub(crate) fn with_object<T>(
    definition: &str,
    ask: impl FnOnce(Option<Object<'_>>) -> T,
) -> Result<T, String> {
    prepare()?;
    CONTEXT
        .try_with(|context| {
            let object = CString::new(definition).ok().and_then(|text| {
                // SAFETY: a context of this thread and a text that ends with a zero.
                let raw = unsafe { sys::proj_create(context.0, text.as_ptr()) };
                Object::new(raw, context)
            });
            ask(object)
        })
        .map_err(|_| "the thread is ending".to_owned())
}

/// The path of the database that this thread reads.
#[cfg(test)]
pub(crate) fn database_path() -> Option<std::path::PathBuf> {
    prepare().ok()?;
    CONTEXT
        .try_with(|context| {
            // SAFETY: the text belongs to the context, which outlives this call.
            let path = unsafe { sys::proj_context_get_database_path(context.0) };
            text(path).map(std::path::PathBuf::from)
        })
        .ok()?
}

impl<'a> Object<'a> {
    fn new(raw: *mut sys::PJ, context: &'a Context) -> Option<Object<'a>> {
        ptr::NonNull::new(raw).map(|raw| Object { raw, context })
    }

    pub(crate) fn kind(&self) -> Kind {
        // SAFETY: a live object.
        match unsafe { sys::proj_get_type(self.raw.as_ptr()) } {
            sys::PJ_TYPE_PJ_TYPE_GEOGRAPHIC_2D_CRS => Kind::Geographic2d,
            sys::PJ_TYPE_PJ_TYPE_GEOGRAPHIC_3D_CRS => Kind::Geographic3d,
            sys::PJ_TYPE_PJ_TYPE_GEOCENTRIC_CRS => Kind::Geocentric,
            sys::PJ_TYPE_PJ_TYPE_PROJECTED_CRS | sys::PJ_TYPE_PJ_TYPE_DERIVED_PROJECTED_CRS => {
                Kind::Projected
            }
            sys::PJ_TYPE_PJ_TYPE_VERTICAL_CRS => Kind::Vertical,
            sys::PJ_TYPE_PJ_TYPE_COMPOUND_CRS => Kind::Compound,
            sys::PJ_TYPE_PJ_TYPE_BOUND_CRS => Kind::Bound,
            // SAFETY: a live object.
            _ if unsafe { sys::proj_is_crs(self.raw.as_ptr()) } == 1 => Kind::OtherCrs,
            _ => Kind::NotACrs,
        }
    }

    pub(crate) fn name(&self) -> Option<String> {
        // SAFETY: a live object, which owns the text.
        text(unsafe { sys::proj_get_name(self.raw.as_ptr()) })
    }

    /// Authority and code, as the object itself states them.
    pub(crate) fn id(&self) -> Option<String> {
        // SAFETY: a live object, which owns the texts.
        let (authority, code) = unsafe {
            (
                text(sys::proj_get_id_auth_name(self.raw.as_ptr(), 0)),
                text(sys::proj_get_id_code(self.raw.as_ptr(), 0)),
            )
        };
        Some(format!("{}:{}", authority?, code?))
    }

    /// The CRSs of the database that resemble the object most, with PROJ's confidence
    /// in per cent: 70 and more are equivalent, whatever their names.
    pub(crate) fn identify(&self, authority: &str) -> Vec<(String, i32)> {
        let Ok(authority) = CString::new(authority) else {
            return Vec::new();
        };
        let mut confidences: *mut i32 = ptr::null_mut();
        // SAFETY: live context and object; the list and the confidences are ours to
        // free, and have as many entries as the count says.
        unsafe {
            let list = sys::proj_identify(
                self.context.0,
                self.raw.as_ptr(),
                authority.as_ptr(),
                ptr::null(),
                &raw mut confidences,
            );
            if list.is_null() {
                return Vec::new();
            }
            let found = (0..sys::proj_list_get_count(list))
                .filter_map(|index| {
                    let raw = sys::proj_list_get(self.context.0, list, index);
                    let id = Object::new(raw, self.context)?.id()?;
                    let offset = usize::try_from(index).ok()?;
                    Some((id, *confidences.add(offset)))
                })
                .collect();
            sys::proj_int_list_destroy(confidences);
            sys::proj_list_destroy(list);
            found
        }
    }

    /// Part of a compound CRS: 0 is the horizontal one, 1 the vertical one.
    pub(crate) fn part(&self, index: i32) -> Option<Object<'a>> {
        // SAFETY: live context and object; the result is ours.
        let raw = unsafe { sys::proj_crs_get_sub_crs(self.context.0, self.raw.as_ptr(), index) };
        Object::new(raw, self.context)
    }

    /// The CRS that a bound CRS wraps.
    pub(crate) fn source(&self) -> Option<Object<'a>> {
        // SAFETY: live context and object; the result is ours.
        let raw = unsafe { sys::proj_get_source_crs(self.context.0, self.raw.as_ptr()) };
        Object::new(raw, self.context)
    }

    /// The same CRS without a height axis.
    pub(crate) fn without_height(&self) -> Option<Object<'a>> {
        // SAFETY: live context and object; a null name keeps the name; the result is ours.
        let raw =
            unsafe { sys::proj_crs_demote_to_2D(self.context.0, ptr::null(), self.raw.as_ptr()) };
        Object::new(raw, self.context)
    }

    pub(crate) fn axes(&self) -> Vec<Axis> {
        // SAFETY: live context and object; the result is ours.
        let raw = unsafe { sys::proj_crs_get_coordinate_system(self.context.0, self.raw.as_ptr()) };
        let Some(system) = Object::new(raw, self.context) else {
            return Vec::new();
        };
        // SAFETY: live context and object.
        let count = unsafe { sys::proj_cs_get_axis_count(self.context.0, system.raw.as_ptr()) };
        (0..count.max(0))
            .filter_map(|index| {
                let (mut abbreviation, mut direction) = (ptr::null(), ptr::null());
                let mut unit_factor = 0.0;
                // SAFETY: live context and object; null for what is not asked for; the
                // texts belong to `system`, and are copied while it lives.
                unsafe {
                    let told = sys::proj_cs_get_axis_info(
                        self.context.0,
                        system.raw.as_ptr(),
                        index,
                        ptr::null_mut(),
                        &raw mut abbreviation,
                        &raw mut direction,
                        &raw mut unit_factor,
                        ptr::null_mut(),
                        ptr::null_mut(),
                        ptr::null_mut(),
                    );
                    (told == 1).then_some(Axis {
                        abbreviation: text(abbreviation)?,
                        direction: text(direction)?,
                        unit_factor,
                    })
                }
            })
            .collect()
    }

    /// WKT 1 as GDAL writes it, on one line.
    pub(crate) fn wkt1(&self) -> Option<String> {
        self.wkt(sys::PJ_WKT_TYPE_PJ_WKT1_GDAL)
    }

    /// WKT 2 (ISO 19162:2019), on one line.
    pub(crate) fn wkt2(&self) -> Option<String> {
        self.wkt(sys::PJ_WKT_TYPE_PJ_WKT2_2019)
    }

    /// PROJJSON (schema 0.7), on one line.
    pub(crate) fn projjson(&self) -> Option<String> {
        let options = [c"MULTILINE=NO".as_ptr(), ptr::null()];
        // SAFETY: as in `wkt`.
        text(unsafe { sys::proj_as_projjson(self.context.0, self.raw.as_ptr(), options.as_ptr()) })
    }

    fn wkt(&self, flavour: sys::PJ_WKT_TYPE) -> Option<String> {
        let options = [c"MULTILINE=NO".as_ptr(), ptr::null()];
        // SAFETY: live context and object; the list of options ends with null; the
        // text belongs to the object, and is copied while it lives.
        text(unsafe {
            sys::proj_as_wkt(self.context.0, self.raw.as_ptr(), flavour, options.as_ptr())
        })
    }
}

/// Copies a text of PROJ's; none if it is null or not UTF-8.
fn text(raw: *const c_char) -> Option<String> {
    if raw.is_null() {
        return None;
    }
    // SAFETY: not null; PROJ ends its texts with a zero, and callers hold the owner.
    let text = unsafe { CStr::from_ptr(raw) };
    text.to_str().ok().map(str::to_owned)
}
