package main

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"tansu.cloud/platform/config"
)

// loadOrMakeMasterKey reads the key file of a data folder, which this process
// holds, and makes it the first time. It is on disk before it is first used:
// what it has sealed cannot be opened without it.
func loadOrMakeMasterKey(path string) (config.Secret, error) {
	content, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return makeMasterKey(path)
	}
	if err != nil {
		return "", fmt.Errorf("master key: %w", err)
	}
	key := config.Secret(strings.TrimSpace(string(content)))
	if _, err := config.DecodeMasterKey(key); err != nil {
		return "", fmt.Errorf("master key in %s: %w; restore the file, without it sealed personal data cannot be read", path, err)
	}
	return key, nil
}

func makeMasterKey(path string) (config.Secret, error) {
	raw := make([]byte, 32)
	_, _ = rand.Read(raw) // never fails
	key := base64.StdEncoding.EncodeToString(raw)
	file, err := os.CreateTemp(filepath.Dir(path), ".master.key-") // mode 0600
	if err != nil {
		return "", fmt.Errorf("master key: %w", err)
	}
	_, err = file.WriteString(key + "\n")
	if err == nil {
		err = file.Sync()
	}
	err = errors.Join(err, file.Close())
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err == nil {
		err = syncFolder(filepath.Dir(path))
	}
	if err != nil {
		return "", fmt.Errorf("master key: %w", errors.Join(err, os.RemoveAll(file.Name())))
	}
	return config.Secret(key), nil
}

func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
