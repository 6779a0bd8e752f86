package actor

import (
	"time"
)

// ageTimer is the engine's timer for the session that expires next.
const ageTimer = reserved + "age"

// ageSlack is how much earlier than its time a session may expire, so that one turn ends several.
const ageSlack = time.Second

// slack is that of sessions of an age. Without an age, which sessions from before a change of the class may have, there
// is none.
func slack(age time.Duration) time.Duration { return max(0, min(ageSlack, age/10)) }

// expire gives s its maximum age, which is spread by a tenth to both sides so that clients that came together do not
// come back together.
func (t *Turn) expire(s *Session) {
	age := t.hub.class.MaxAge
	if age < 0 {
		return
	}
	spread := slack(age) + time.Duration(t.Rand().Int64N(int64(age/5-slack(age))+1))
	s.expires = t.now.Add(age - age/10 + spread).Truncate(time.Millisecond)
	if !t.TimerSet(ageTimer) || s.expires.Before(t.hub.nextAge) {
		t.setAgeTimer(s.expires)
	}
}

func (t *Turn) setAgeTimer(due time.Time) {
	t.hub.nextAge = due
	t.setTimer(ageTimer, due.Sub(t.now))
}

// endExpired ends the sessions that have their maximum age, and sets the timer for the next.
func (t *Turn) endExpired() error {
	var next time.Time
	for s := range t.Sessions() {
		switch {
		case s.expires.IsZero():
		case s.expires.Sub(t.now) <= slack(t.hub.class.MaxAge):
			if err := t.Goodbye(s, "age", true); err != nil {
				return err
			}
		case next.IsZero() || s.expires.Before(next):
			next = s.expires
		}
	}
	if !next.IsZero() {
		t.setAgeTimer(next)
	}
	return nil
}
