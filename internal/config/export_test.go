package config

// NewFile returns a File that was not read.
func NewFile(path string) *File { return &File{path: path} }
