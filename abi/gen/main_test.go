package main

import (
	"bytes"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The shim's constants are those of package abi: `make generate` writes them.
func TestUpToDate(t *testing.T) {
	var want bytes.Buffer
	write(&want)
	got, err := os.ReadFile("../../worker/shim/abi.gen.mjs")
	require.NoError(t, err)
	assert.Equal(t, want.String(), string(got), "run make generate")
}
