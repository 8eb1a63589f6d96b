//! Which known attack is which test: the list of attacks on container engines, by the numbers under which the project
//! keeps it (R: the runtime, C: commands on containers, S: images and the store), each with the tests that it became.
//!
//! The table is compared with the tests, both ways: a row without a test has a reason, a test that is named exists,
//! and every test of this directory stands in a row.

use std::path::Path;

/// A row: its number, what it is about, and its tests as `file: name` (below tests/, or src/ for unit tests).
type Row = (&'static str, &'static str, &'static [&'static str]);

/// The rows that have tests.
const ROWS: &[Row] = &[
    (
        "R1",
        "the engine's program is overwritten through /proc/PID/exe (CVE-2019-5736)",
        &[
            "attacks/processes.rs: the_engines_program_can_not_be_overwritten",
            "attacks/processes.rs: without_its_guard_the_engines_program_is_overwritten",
            "attacks/processes.rs: a_command_that_is_the_program_itself_gains_nothing",
            "runtime/init.rs: inits_program_can_not_be_written",
        ],
    ),
    (
        "R2",
        "a joining process is traced, its descriptors read (CVE-2016-9962)",
        &[
            "attacks/processes.rs: a_joining_process_shows_nothing_of_the_host",
            "attacks/processes.rs: without_its_guard_a_joining_process_is_traced",
        ],
    ),
    (
        "R3",
        "descriptors that leak, working directories that are one (CVE-2024-21626)",
        &[
            "attacks/processes.rs: descriptors_of_the_caller_stay_outside",
            "attacks/directories.rs: no_working_directory_is_outside",
            "runtime/identity.rs: only_the_standard_streams_are_open",
            "runtime/identity.rs: preserved_descriptors_arrive",
        ],
    ),
    (
        "R4",
        "/proc or /sys of the image is a link, or is mounted over (CVE-2019-16884, CVE-2023-28642)",
        &[
            "attacks/directories.rs: an_image_whose_proc_is_a_link_is_refused",
            "attacks/races.rs: a_root_that_is_swapped_under_way_harms_nobody",
            "runtime/files.rs: nothing_is_mounted_inside_of_proc",
        ],
    ),
    (
        "R5",
        "the place of a mount is swapped for a link (CVE-2021-30465)",
        &[
            "attacks/races.rs: a_place_that_is_swapped_leads_nowhere_else",
            "attacks/directories.rs: mounts_follow_links_within_the_container_only",
            "attacks/canary.rs: a_change_is_seen",
        ],
    ),
    (
        "R6",
        "a mount point is made through a link (CVE-2024-45310)",
        &["attacks/races.rs: a_place_that_is_swapped_leads_nowhere_else"],
    ),
    (
        "R7",
        "masks that are the image's own /dev/null (CVE-2025-31133)",
        &[
            "attacks/races.rs: a_root_that_is_swapped_under_way_harms_nobody",
            "attacks/directories.rs: an_image_whose_dev_is_a_link_harms_nobody",
            "runtime/confinement.rs: masked_and_read_only_paths_hold",
        ],
    ),
    (
        "R8",
        "/dev/console is bound over a link (CVE-2025-52565)",
        &[
            "attacks/races.rs: a_root_that_is_swapped_under_way_harms_nobody",
            "runtime/files.rs: a_terminal_is_the_containers_own",
        ],
    ),
    (
        "R9",
        "writes to procfs that go elsewhere (CVE-2025-52881)",
        &[
            "attacks/images.rs: nothing_is_written_to_proc_by_name",
            "attacks/races.rs: users_are_looked_up_in_the_container",
            "attacks/races.rs: without_its_guard_users_are_looked_up_on_the_host",
        ],
    ),
    (
        "R10",
        "/dev of the image is a link (CVE-2026-41579, CVE-2026-47766)",
        &["attacks/directories.rs: an_image_whose_dev_is_a_link_harms_nobody"],
    ),
    (
        "R11",
        "/dev/console and /dev/null of the image are links (CVE-2026-88264, CVE-2026-88265)",
        &["attacks/directories.rs: an_image_whose_dev_is_a_link_harms_nobody"],
    ),
    (
        "R12",
        "files that the engine writes, through links of the image (CVE-2025-24965)",
        &[
            "attacks/directories.rs: engine_files_follow_no_link_out_of_the_image",
            "container/run.rs: hostile_images_change_nothing_outside",
        ],
    ),
    (
        "R13",
        "users that are read as root (CVE-2026-30892, CVE-2024-40635)",
        &[
            "attacks/identity.rs: every_user_spec_means_one_user_or_is_refused",
            "attacks/identity.rs: large_ids_do_not_wrap",
            "attacks/identity.rs: an_images_user_is_read_as_strictly",
            "src/engine/user.rs: nobody_becomes_root_by_a_slip",
        ],
    ),
    (
        "R14",
        "inheritable capabilities (CVE-2022-27649 and others)",
        &[
            "runtime/confinement.rs: capabilities_are_few_and_never_inherited",
            "runtime/confinement.rs: capabilities_of_an_exec_are_the_containers",
        ],
    ),
    (
        "R15",
        "a primary group that is missing among the groups (CVE-2022-36109 and others)",
        &[
            "attacks/identity.rs: negative_permissions_hold",
            "runtime/identity.rs: the_primary_group_is_among_the_groups",
        ],
    ),
    (
        "R16",
        "cgroups that can be written (CVE-2022-0492, CVE-2023-25809)",
        &[
            "attacks/processes.rs: a_new_cgroup_namespace_is_refused",
            "runtime/cgroups.rs: the_cgroup_file_systems_are_read_only",
        ],
    ),
    ("R17", "names and ids that are paths", &["attacks/identity.rs: names_are_no_paths"]),
    (
        "R18",
        "keys pushed into the caller's terminal (CVE-2017-5226)",
        &[
            "attacks/terminal.rs: no_key_reaches_the_callers_terminal",
            "attacks/terminal.rs: the_callers_terminal_is_not_the_containers",
        ],
    ),
    (
        "R19",
        "knobs of the kernel (CVE-2022-0811 and others)",
        &[
            "attacks/images.rs: few_files_of_the_kernel_can_be_written",
            "runtime/files.rs: sysctls_of_its_namespaces_can_be_set_and_others_not",
        ],
    ),
    (
        "R20",
        "system calls, every one",
        &[
            "attacks/filter.rs: every_system_call_is_made",
            "attacks/filter.rs: the_same_calls_are_refused_to_i386_programs",
            "src/runtime/seccomp/docker_tests.rs: the_default_profile_is_dockers_for_every_number",
        ],
    ),
    ("R21", "AF_ALG and AF_VSOCK (CVE-2026-31431)", &["attacks/filter.rs: every_system_call_is_made"]),
    (
        "R22",
        "groups that are dropped (CVE-2014-8989)",
        &[
            "runtime/identity.rs: the_groups_of_a_user_without_ranges_can_not_be_dropped",
            "attacks/identity.rs: negative_permissions_hold",
        ],
    ),
    (
        "R23",
        "keyrings, set-user-id programs",
        &[
            "attacks/identity.rs: set_user_id_programs_give_nothing_where_told_so",
            "attacks/identity.rs: the_store_is_closed_to_others",
            "runtime/confinement.rs: each_container_has_its_own_keyring",
            "runtime/confinement.rs: no_new_privileges_holds_for_exec_too",
        ],
    ),
    (
        "C2",
        "programs of the image that the engine runs (GHSA-x86f-5xw2-fm2r)",
        &["attacks/images.rs: no_program_of_the_image_runs_uncalled"],
    ),
    ("C3", "libraries of the image (CVE-2019-14271)", &["attacks/images.rs: the_program_is_static"]),
    (
        "C4",
        "top and the image's programs (CVE-2022-1227)",
        &[
            "attacks/images.rs: no_program_of_the_image_runs_uncalled",
            "container/top.rs: processes_are_listed_from_outside",
        ],
    ),
    (
        "C10",
        "forged logs, escape sequences, endless lines",
        &[
            "attacks/bombs.rs: a_line_without_an_end_costs_little_memory",
            "container/logs.rs: records_cannot_be_forged",
            "cli/ps.rs: hostile_words_do_not_drive_the_terminal",
            "image/images.rs: hostile_labels_do_not_drive_the_terminal",
        ],
    ),
    (
        "C11",
        "memory that grows with clients (CVE-2022-23471 and others)",
        &[
            "container/monitor.rs: clients_that_come_and_go_leave_nothing",
            "container/monitor.rs: a_client_that_stops_reading_is_dropped",
            "image/load.rs: a_giant_document_is_refused_in_little_memory",
        ],
    ),
    (
        "S1",
        "layers that reach outside (CVE-2021-32760, CVE-2025-47290, CVE-2026-33056)",
        &[
            "attacks/layers.rs: entries_stay_in_their_layer",
            "attacks/layers.rs: without_its_guards_an_entry_leaves_its_layer",
            "src/store/layer/tests.rs: no_pair_of_entries_reaches_outside",
            "src/store/layer/tests.rs: no_three_entries_reach_outside",
            "attacks/bombs.rs: depth_and_length_are_bounded",
        ],
    ),
    (
        "S2",
        "a store that others can enter (CVE-2021-41091)",
        &[
            "attacks/identity.rs: the_store_is_closed_to_others",
            "rootless/namespace.rs: store_and_run_directories_are_closed_to_others",
            "rootless/namespace.rs: a_run_directory_of_somebody_else_is_refused",
        ],
    ),
    (
        "S3",
        "whiteouts that are tricks",
        &[
            "src/store/layer/whiteout.rs: whiteouts_have_a_grammar",
            "src/store/layer/tests.rs: what_steers_the_host_never_arrives",
        ],
    ),
    (
        "S4",
        "attributes that steer an overlay",
        &[
            "src/store/layer/tests.rs: what_steers_the_host_never_arrives",
            "src/store/layer/whiteout.rs: attributes_that_steer_the_host_are_dropped",
        ],
    ),
    (
        "S5",
        "tars that readers disagree about (CVE-2026-33055, CVE-2025-62518, CVE-2025-58183)",
        &[
            "attacks/bombs.rs: sizes_that_are_not_true_are_refused",
            "attacks/bombs.rs: what_must_be_remembered_is_bounded",
            "src/store/layer/tarball.rs: what_readers_disagree_about_is_refused",
            "src/store/layer/differential_tests.rs: all_readers_see_the_same_files_or_we_refuse",
        ],
    ),
    (
        "S6",
        "bombs: bytes and inodes (CVE-2017-14992)",
        &[
            "attacks/bombs.rs: compressed_bombs_end_at_the_reserve_and_give_everything_back",
            "attacks/bombs.rs: without_its_guard_a_bomb_fills_the_disk",
            "attacks/bombs.rs: zstd_windows_are_bounded",
            "faults/disk_full.rs: running_out_of_inodes_is_said_and_undone",
        ],
    ),
    (
        "S7",
        "digests that are paths, or do not match (CVE-2024-3727)",
        &[
            "registry/wrong.rs: a_flipped_bit_in_any_blob",
            "registry/wrong.rs: bodies_that_are_too_short_or_too_long",
            "registry/wrong.rs: a_manifest_asked_for_by_digest_is_compared",
            "registry/wrong.rs: a_config_that_names_other_layers",
            "registry/wrong.rs: broken_gzip_and_no_tar",
            "image/load.rs: bad_archives_are_refused_and_leave_nothing",
        ],
    ),
    (
        "S8",
        "an index that is a manifest, too (CVE-2021-41190)",
        &[
            "registry/wrong.rs: manifests_that_are_ambiguous_or_too_large",
            "src/registry/manifest.rs: nothing_ambiguous_is_let_in",
            "src/image/format/oci_layout.rs: ambiguous_documents_are_refused",
        ],
    ),
    (
        "S9",
        "credentials that go elsewhere (CVE-2020-15157)",
        &[
            "registry/redirect.rs: a_redirect_elsewhere_loses_authorization",
            "registry/redirect.rs: a_realm_elsewhere_gets_nothing",
            "registry/redirect.rs: foreign_layers_are_not_fetched_from_where_they_say",
        ],
    ),
    (
        "S10",
        "documents that are too large or too slow",
        &[
            "attacks/bombs.rs: documents_are_bounded",
            "registry/slow.rs: a_byte_a_second_is_given_up",
            "registry/wrong.rs: manifests_that_are_ambiguous_or_too_large",
        ],
    ),
    ("S11", "volumes of an image (CVE-2022-23648)", &["attacks/images.rs: an_images_volumes_are_its_own"]),
    (
        "S12",
        "variables without a value (CVE-2026-57231)",
        &["attacks/images.rs: an_images_environment_takes_nothing_from_the_host"],
    ),
    (
        "S13",
        "a working directory behind a link (CVE-2026-55686)",
        &[
            "attacks/directories.rs: engine_files_follow_no_link_out_of_the_image",
            "attacks/races.rs: a_place_that_is_swapped_leads_nowhere_else",
        ],
    ),
    ("S14", "labels that steer the engine (CVE-2026-53488)", &["attacks/images.rs: an_images_labels_steer_nothing"]),
    (
        "S15",
        "passwd files that never end (CVE-2024-9676)",
        &["container/run.rs: strange_passwd_files_end_quickly", "src/engine/user.rs: strange_files_do_no_harm"],
    ),
    (
        "S16",
        "lines within fields (CVE-2022-4318, CVE-2026-15809)",
        &[
            "attacks/images.rs: no_field_brings_a_line",
            "container/run.rs: a_home_with_a_line_break_brings_no_line",
            "src/engine/files.rs: no_field_brings_a_line_of_its_own",
        ],
    ),
    (
        "S17",
        "mounts that nobody asked for (CVE-2024-9341)",
        &["attacks/images.rs: nothing_is_mounted_that_nobody_asked_for"],
    ),
    (
        "S18",
        "the kernel's overlay and user namespaces",
        &["attacks/processes.rs: a_new_cgroup_namespace_is_refused", "attacks/filter.rs: every_system_call_is_made"],
    ),
];

/// The rows that have none, and why.
const NONE: &[(&str, &str)] = &[
    ("C1", "cp is not built"),
    ("C5", "cp is not built"),
    ("C6", "volume export is not built"),
    ("C7", "kube play is not built"),
    ("C8", "named volumes are not built"),
    ("C9", "checkpoints are not built"),
];

/// Whether this file has this test.
pub fn exists(entry: &str) -> bool {
    let Some((file, name)) = entry.split_once(": ") else { return false };
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = if file.starts_with("src/") { root.join(file) } else { root.join("tests").join(file) };
    std::fs::read_to_string(path).is_ok_and(|text| tests_in(&text).iter().any(|test| test == name))
}

/// The names of the tests in a source.
fn tests_in(text: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut marked = false;
    for line in text.lines().map(str::trim) {
        if line == "#[test]" {
            marked = true;
        } else if let Some(rest) = line.strip_prefix("fn ").filter(|_| marked) {
            names.push(rest.split('(').next().unwrap_or_default().to_string());
            marked = false;
        }
    }
    names
}

#[test]
fn every_row_has_its_tests_and_every_test_its_row() {
    let wanted = |letter: char, last: u32| (1..=last).map(move |number| format!("{letter}{number}"));
    let wanted: Vec<String> = wanted('R', 23).chain(wanted('C', 11)).chain(wanted('S', 18)).collect();
    let known: Vec<&str> = ROWS.iter().map(|(row, ..)| *row).chain(NONE.iter().map(|(row, _)| *row)).collect();
    for row in &wanted {
        assert_eq!(known.iter().filter(|known| *known == row).count(), 1, "{row} stands in the table once");
    }
    assert_eq!(known.len(), wanted.len());
    for (row, what, tests) in ROWS {
        assert!(!tests.is_empty(), "{row} ({what}) has no test");
        for test in *tests {
            assert!(exists(test), "{row} ({what}): there is no {test}");
        }
    }
    let named: Vec<&str> = ROWS.iter().flat_map(|(.., tests)| tests.iter().copied()).collect();
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/attacks");
    for entry in std::fs::read_dir(dir).expect("it is there").flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.ends_with(".rs") || name == "rows.rs" {
            continue;
        }
        for test in tests_in(&std::fs::read_to_string(entry.path()).expect("readable")) {
            let test = format!("attacks/{name}: {test}");
            assert!(named.contains(&test.as_str()), "{test} belongs to no row");
        }
    }
}

/// The control of the table: what is not there is not found.
#[test]
fn a_test_that_is_not_there_is_missed() {
    assert!(exists("attacks/rows.rs: a_test_that_is_not_there_is_missed"));
    for wrong in ["attacks/rows.rs: exists", "attacks/nothing.rs: x", "attacks/rows.rs", "attacks/rows.rs: "] {
        assert!(!exists(wrong), "{wrong}");
    }
}

/// A guard that can be taken out is one that the code asks for, and that a test takes out.
#[test]
fn every_guard_is_used_and_tried() {
    fn read(dir: &Path, text: &mut String) {
        for entry in std::fs::read_dir(dir).expect("readable").flatten() {
            if entry.path().is_dir() {
                read(&entry.path(), text);
            } else if entry.file_name() != "trip.rs" {
                text.push_str(&std::fs::read_to_string(entry.path()).unwrap_or_default());
            }
        }
    }
    let (mut source, mut tests) = (String::new(), String::new());
    read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut source);
    read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests"), &mut tests);
    for guard in barge::trip::GUARDS {
        assert!(source.contains(&format!("guard(\"{guard}\")")), "nothing asks for {guard}");
        assert!(tests.contains(guard) || source.contains(&format!("{guard}:off")), "no test takes {guard} out");
    }
}
