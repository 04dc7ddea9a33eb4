package engine

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gomlx/go-xla/pjrt"

	"react/data/glob"
)

// Plugin is the file of a PJRT plugin.
type Plugin struct {
	Kind string `json:"kind"` // cpu, cuda
	Path string `json:"path"` // absolute
	// the Python package it is part of: "jax-cuda13-pjrt 0.10.2"
	Wheel string `json:"wheel,omitempty"`
}

// pluginPathEnv names the folders of plugins, with ':' between them, for
// go-xla and so for us.
const pluginPathEnv = "PJRT_PLUGIN_LIBRARY_PATH"

// FindPlugins lists the plugins of a kind (cpu, cuda) in the order in which
// xla:KIND tries them: the folders of PJRT_PLUGIN_LIBRARY_PATH, or without it
// those of go-xla's installer and of LD_LIBRARY_PATH; then, for cpu, what make
// puts into cache/xla-cpu, and for cuda the wheels jax-cuda13-pjrt and
// jax-cuda12-pjrt in cache/xla and in the Python environments that are active.
// Files are named, not opened.
func FindPlugins(kind string) []Plugin {
	var found []Plugin
	add := func(path, wheel string) {
		path, err := filepath.Abs(path)
		if err != nil || !isFile(path) || slices.ContainsFunc(found, func(p Plugin) bool { return p.Path == path }) {
			return
		}
		found = append(found, Plugin{kind, path, wheel})
	}
	for _, dir := range foldersOf(kind) {
		for _, pattern := range []string{"pjrt_c_api_" + kind + "_plugin.so", "pjrt-plugin-" + kind + ".so", "pjrt_plugin_" + kind + ".so"} {
			path := filepath.Join(dir, pattern)
			add(path, recipeOf(path))
		}
	}
	if kind != "cuda" {
		return found
	}
	for _, site := range sitePackages() {
		for _, version := range []string{"13", "12"} {
			path := filepath.Join(site, "jax_plugins", "xla_cuda"+version, "xla_cuda_plugin.so")
			add(path, wheelName(site, "jax_cuda"+version+"_pjrt"))
		}
	}
	return found
}

// foldersOf are where plugins of a kind are looked for by the names of their files.
func foldersOf(kind string) []string {
	folders := pluginFolders()
	if kind == "cpu" {
		for _, root := range programRoots() {
			folders = append(folders, filepath.Join(root, cpuFolder))
		}
	}
	return folders
}

// searched are the folders in which FindPlugins looks for a kind, each once.
func searched(kind string) []string {
	folders := foldersOf(kind)
	if kind == "cuda" {
		for _, site := range sitePackages() {
			folders = append(folders, filepath.Join(site, "jax_plugins"))
		}
	}
	slices.Sort(folders)
	return slices.Compact(folders)
}

// pluginFolders are where go-xla looks for files named as its own, without
// those of /etc/ld.so.conf, in which nobody installs a plugin.
func pluginFolders() []string {
	if list, ok := os.LookupEnv(pluginPathEnv); ok {
		return nonEmpty(filepath.SplitList(list))
	}
	var dirs []string
	if home, err := os.UserHomeDir(); err == nil {
		lib := filepath.Join(home, ".local", "lib")
		dirs = append(dirs, filepath.Join(lib, "go-xla"), filepath.Join(lib, "go-xla", "nvidia"), filepath.Join(lib, "gomlx", "pjrt"))
	}
	dirs = append(dirs, "/usr/local/lib/go-xla", "/usr/local/lib/go-xla/nvidia", "/usr/local/lib/gomlx/pjrt")
	return append(dirs, nonEmpty(filepath.SplitList(os.Getenv("LD_LIBRARY_PATH")))...)
}

func nonEmpty(list []string) []string {
	return slices.DeleteFunc(list, func(s string) bool { return s == "" })
}

// sitePackages are the folders of Python packages: of cache/xla beside the
// program, of the active virtual or conda environment, of the python3 in PATH,
// of the user, of the system. No Python is started.
func sitePackages() []string {
	var prefixes []string
	for _, root := range programRoots() {
		prefixes = append(prefixes, filepath.Join(root, xlaFolder))
	}
	prefixes = append(prefixes, nonEmpty([]string{os.Getenv("VIRTUAL_ENV"), os.Getenv("CONDA_PREFIX")})...)
	if python, err := exec.LookPath("python3"); err == nil {
		prefixes = append(prefixes, filepath.Dir(filepath.Dir(python)))
		if target, err := filepath.EvalSymlinks(python); err == nil {
			prefixes = append(prefixes, filepath.Dir(filepath.Dir(target)))
		}
	}
	if home, err := os.UserHomeDir(); err == nil {
		prefixes = append(prefixes, filepath.Join(home, ".local"))
	}
	prefixes = append(prefixes, "/usr/local", "/usr")
	var sites []string
	for _, prefix := range prefixes {
		for _, pattern := range []string{"lib/python3*/site-packages", "lib/python3*/dist-packages"} {
			found, _ := glob.In(prefix, pattern) // what cannot be looked at has none
			slices.Reverse(found)                // newer versions first, within a digit
			sites = append(sites, found...)
		}
	}
	return sites
}

// cpuFolder is where make puts the plugin for CPUs, beside bin/.
var cpuFolder = filepath.Join("cache", "xla-cpu")

// recipeOf is the package that a plugin which make fetched is of; "" for others.
func recipeOf(path string) string {
	recipe, err := os.ReadFile(filepath.Join(filepath.Dir(path), "recipe"))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(recipe))
}

// xlaFolder is where the command that Survey prints puts the CUDA wheels.
var xlaFolder = filepath.Join("cache", "xla")

// programRoots are the working directory, the program's folder and that
// folder's parent: where cache/ is looked for.
func programRoots() []string {
	roots := []string{"."}
	if dir := executableDir(); dir != "" {
		roots = append(roots, dir, filepath.Dir(dir))
	}
	return roots
}

// wheelName is a package and its version as its dist-info folder has them.
func wheelName(site, module string) string {
	found, _ := glob.In(site, module+"-*.dist-info")
	if len(found) == 0 {
		return strings.ReplaceAll(module, "_", "-")
	}
	version := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(found[0]), module+"-"), ".dist-info")
	return strings.ReplaceAll(module, "_", "-") + " " + version
}

// pluginEnv is what a plugin wants in the environment of the process that
// loads it, as "NAME=value" with the values of now kept: NVIDIA's libraries in
// LD_LIBRARY_PATH, libdevice and ptxas named to XLA. Nothing where the plugin
// has no NVIDIA libraries beside it (then the system's serve).
func pluginEnv(path string) []string {
	nvidia := nvidiaFolder(path)
	if nvidia == "" {
		return nil
	}
	libs, _ := glob.In(nvidia, "*/lib")
	var env []string
	if missing := without(libs, filepath.SplitList(os.Getenv("LD_LIBRARY_PATH"))); len(missing) > 0 {
		env = append(env, "LD_LIBRARY_PATH="+join(missing, os.Getenv("LD_LIBRARY_PATH"), ":"))
	}
	nvvm, _ := glob.In(nvidia, "*/nvvm")
	if len(nvvm) == 0 {
		return env
	}
	data := filepath.Dir(nvvm[len(nvvm)-1])
	if flags := os.Getenv(flagsEnv); !strings.Contains(flags, "--xla_gpu_cuda_data_dir") {
		env = append(env, flagsEnv+"="+join([]string{"--xla_gpu_cuda_data_dir=" + data}, flags, " "))
	}
	if bin := filepath.Join(data, "bin"); len(without([]string{bin}, filepath.SplitList(os.Getenv("PATH")))) > 0 {
		env = append(env, "PATH="+join([]string{bin}, os.Getenv("PATH"), ":"))
	}
	return env
}

// nvidiaFolder holds NVIDIA's libraries for a plugin: nvidia/ beside
// jax_plugins/ for a wheel, the plugin's own folder or nvidia/ beside that for
// go-xla's installer. "" when there is none.
func nvidiaFolder(path string) string {
	dir := filepath.Dir(path)
	for _, nvidia := range []string{filepath.Join(dir, "..", "..", "nvidia"), dir, filepath.Join(dir, "..", "nvidia"), filepath.Join(dir, "nvidia")} {
		if libs, _ := glob.In(nvidia, "*/lib"); len(libs) > 0 {
			return filepath.Clean(nvidia)
		}
	}
	return ""
}

// wheelsBeside are NVIDIA's packages in the folder of a plugin's, by name and version.
func wheelsBeside(path string) []string {
	nvidia := nvidiaFolder(path)
	if nvidia == "" {
		return nil
	}
	found, _ := glob.In(filepath.Dir(nvidia), "nvidia_*.dist-info")
	for i, path := range found {
		found[i] = filepath.Base(path)
	}
	return found
}

// without is the entries of list that are not in known.
func without(list, known []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return slices.Contains(known, s) })
}

// join puts list before what is there already.
func join(list []string, old, separator string) string {
	return strings.Join(nonEmpty(append(slices.Clone(list), old)), separator)
}

// hasGPU says whether an NVIDIA driver shows a device.
func hasGPU() bool {
	for _, pattern := range []string{"nvidia[0-9]*", "dxg"} { // dxg: Windows' Linux
		if found, _ := glob.In("/dev", pattern); len(found) > 0 {
			return true
		}
	}
	return false
}

// GPUs is how many NVIDIA GPUs an engine's devices are taken of, by its spec; 0 where it takes
// none, or their number is not known.
func GPUs(spec string) int {
	plugin, isXLA := strings.CutPrefix(spec, "xla:")
	if plugin, _, _ = strings.Cut(plugin, ","); isXLA && plugin != "cuda" && !pjrt.IsCUDAName(plugin) || !isXLA && !Apart(spec) {
		return 0
	}
	if visible, ok := os.LookupEnv("CUDA_VISIBLE_DEVICES"); ok && visible != "" {
		return len(strings.Split(visible, ","))
	}
	found, _ := glob.In("/dev", "nvidia[0-9]*")
	return len(found)
}

// StartupEnv returns the settings, as "NAME=value", with which the program must be started anew
// before XLA, where --engine in args asks for it, can do its best: what a program reads only when
// it starts. They are where a CUDA plugin finds NVIDIA's libraries (the loader's LD_LIBRARY_PATH),
// and the large pages of the allocator. Nothing when no plugin will be loaded.
func StartupEnv(args []string) []string {
	spec := "auto"
	for i, arg := range args {
		if value, ok := strings.CutPrefix(arg, "--engine="); ok {
			spec = value
		} else if arg == "--engine" && i+1 < len(args) {
			spec = args[i+1]
		}
	}
	path, xla := strings.CutPrefix(spec, "xla:")
	path, _, _ = strings.Cut(path, ",")
	switch {
	case spec == "auto" && hasGPU(), xla && path == "cuda":
		if found := FindPlugins("cuda"); len(found) > 0 {
			return append(pluginEnv(found[0].Path), largePages()...)
		}
	case xla && path == "cpu":
		return largePages()
	case xla:
		if path, err := filepath.Abs(path); err == nil && isFile(path) {
			return append(pluginEnv(path), largePages()...)
		}
	}
	return nil
}

// allocatorEnv holds the settings of glibc's allocator, NAME=VALUE with ':' between them.
const allocatorEnv = "GLIBC_TUNABLES"

// largePages has glibc's allocator (2.35 or newer; others do not read it) ask for pages of 2 MiB.
// XLA takes the memory that a program computes in from the system at each run and gives it back,
// and in pages of 4 KiB the system spends as much time on handing them out as a third of a training
// step takes. What the user says of large pages stays.
func largePages() []string {
	said := os.Getenv(allocatorEnv)
	if strings.Contains(said, "glibc.malloc.hugetlb") {
		return nil
	}
	return []string{allocatorEnv + "=" + join([]string{"glibc.malloc.hugetlb=1"}, said, ":")}
}
