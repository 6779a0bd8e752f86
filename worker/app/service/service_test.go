package service_test

import (
	"testing"

	"github.com/hubbub-edge/hubbub/actor/actortest"
	"github.com/hubbub-edge/hubbub/worker/app/service"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestProgram(t *testing.T) {
	p, err := service.Program(func(name string) string { return map[string]string{"HEARTBEAT": "5s"}[name] })
	require.NoError(t, err)
	host := actortest.New(t, p)
	res := host.Get("/healthz")
	assert.Equal(t, 200, res.Status)
	assert.Equal(t, "ok", string(res.Body))
	assert.Equal(t, "*", res.Header.Get("access-control-allow-origin"))
	assert.Equal(t, 405, host.Post("/healthz", "", "").Status)
	assert.Equal(t, 404, host.Get("/nothing").Status)
	assert.Equal(t, "connected", host.Subscribe("/hubs/a/events").Next().Name)
}

func TestVars(t *testing.T) {
	_, err := service.Program(func(string) string { return "often" })
	assert.ErrorContains(t, err, `var HEARTBEAT: "often" is not a duration`)
}
