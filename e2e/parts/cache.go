package parts

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// CacheDir is the folder that holds all parts: $WUKONG_CACHE, or wukong-network in the user's cache folder.
func CacheDir() (string, error) {
	if dir := os.Getenv("WUKONG_CACHE"); dir != "" {
		return filepath.Abs(dir)
	}
	base, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("no cache folder: set WUKONG_CACHE, HOME or XDG_CACHE_HOME: %w", err)
	}
	return filepath.Join(base, "wukong-network"), nil
}

// Lookup returns the folder of a part that Fill completed earlier. The error wraps fs.ErrNotExist when there is none.
func Lookup(name string) (string, error) {
	cache, err := CacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, name)
	if _, err := os.Stat(dir); err != nil {
		return "", err
	}
	return dir, nil
}

// Fill returns the folder of the part called name (with its version in the name), calling build to make it when it is
// missing. build fills a fresh folder beside the final one, which is renamed into place only after success, so a part is
// complete or absent. A lock file lets concurrent callers, also in other processes, wait for one build.
func Fill(ctx context.Context, name string, build func(ctx context.Context, dir string) error) (string, error) {
	dir, err := Lookup(name)
	if !errors.Is(err, fs.ErrNotExist) {
		return dir, err
	}
	cache, err := CacheDir()
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", err
	}
	unlock, err := lock(filepath.Join(cache, "."+name+".lock"))
	if err != nil {
		return "", err
	}
	defer unlock()
	if dir, err := Lookup(name); !errors.Is(err, fs.ErrNotExist) {
		return dir, err
	}
	tmp, err := os.MkdirTemp(cache, "."+name+".*")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(tmp)
	if err := build(ctx, tmp); err != nil {
		return "", fmt.Errorf("build %s: %w", name, err)
	}
	if err := os.Chmod(tmp, 0o755); err != nil {
		return "", err
	}
	dir = filepath.Join(cache, name)
	return dir, os.Rename(tmp, dir)
}

// lock takes an exclusive advisory lock on path, waiting for its holder, and returns the function that gives it back.
func lock(path string) (func(), error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		f.Close()
		return nil, err
	}
	return func() { f.Close() }, nil
}
