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
	for name, bad := range map[string][]string{
		"HEARTBEAT": {"often", "0", "-1s"}, "MAX_AGE": {"x"}, "MAX_SESSIONS": {"0", "-1", "1e3"}, "SLOW": {"fast"},
		"LOG_BYTES": {"4GiB", "9999999999"},
	} {
		for _, value := range bad {
			_, err := service.Program(env(name, value))
			assert.ErrorContains(t, err, "var "+name+": \""+value+"\" is not ")
		}
	}
	for name, value := range map[string]string{"MAX_DATA": "1048577", "SESSION_BUFFER": "100000"} {
		_, err := service.Program(env(name, value))
		assert.ErrorContains(t, err, "var "+name+": "+value+" is ")
	}
	for _, v := range service.Vars {
		plain, err := service.Program(func(string) string { return "" })
		require.NoError(t, err)
		set, err := service.Program(env(v.Name, v.Default))
		require.NoError(t, err, v.Name)
		want, err := plain.Described()
		require.NoError(t, err)
		got, err := set.Described()
		require.NoError(t, err)
		want[0].New, got[0].New = nil, nil
		assert.Equal(t, want, got, "%s: %s is not the default", v.Name, v.Default)
	}
	_, err := service.Program(env("MAX_AGE", "0"))
	assert.NoError(t, err)
}

func env(name, value string) func(string) string {
	return func(n string) string {
		if n == name {
			return value
		}
		return ""
	}
}
