package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"os"
)

const mega = 1e6

// size measures the app's Wasm.
func (b *bench) size(_ context.Context, s *Section) error {
	s.Title = "Size of the app's Wasm"
	s.Labels = []string{"file"}
	s.Metrics = []Metric{{"raw", "raw, MB", 2}, {"gzip", "gzip -9, MB", 2}}
	wasm, err := os.ReadFile(b.env.Wasm())
	if err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	var packed bytes.Buffer
	w, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	if _, err := w.Write(wasm); err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	if err := w.Close(); err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	row := s.row("build/app.wasm")
	row.set("raw", float64(len(wasm))/mega)
	row.set("gzip", float64(packed.Len())/mega)
	s.goal(Goal{What: "raw", Value: row.Values["raw"], Bound: 6.5, Unit: "MB"})
	s.goal(Goal{What: "gzip", Value: row.Values["gzip"], Bound: 1.9, Unit: "MB"})
	return nil
}
