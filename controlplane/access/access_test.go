package access

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestPassword(t *testing.T) {
	h := HashPassword("correct horse battery")
	if h == HashPassword("correct horse battery") {
		t.Error("two hashes of one password are equal: no salt")
	}
	if err := CheckPassword(h, "correct horse battery"); err != nil {
		t.Error(err)
	}
	for _, c := range []struct{ hash, password string }{
		{h, "correct horse batterY"}, {h, ""}, {"", ""}, {"", "anything"}, {h, strings.Repeat("a", MaxPassword+1)},
		{nobody, ""}, // nobody's hash opens for nobody
	} {
		if err := CheckPassword(c.hash, c.password); !errors.Is(err, ErrPassword) {
			t.Errorf("%.20q with %.20q: %v", c.hash, c.password, err)
		}
	}
	for _, broken := range []string{"plain", "$argon2i$v=19$m=1,t=1,p=1$AA$AA", "$argon2id$v=18$m=1,t=1,p=1$AA$AA",
		"$argon2id$v=19$m=99999999,t=1,p=1$AA$AA", "$argon2id$v=19$m=1,t=1,p=0$AA$AA", "$argon2id$v=19$m=8,t=1,p=1$!$AA"} {
		if err := CheckPassword(broken, "x"); err == nil || errors.Is(err, ErrPassword) {
			t.Errorf("hash %q: %v", broken, err)
		}
	}
	for password, good := range map[string]bool{
		"eleven char": false, "twelve chars": true, "ADMINISTRATOR": false, strings.Repeat("x", 257): false, "パスワードは十二文字以上です": true,
	} {
		if err := CheckPasswordForm("administrator", password); (err == nil) != good {
			t.Errorf("%.20q: %v", password, err)
		}
	}
}

func TestSecrets(t *testing.T) {
	secret, shown, hash := NewSecret(APITokenPrefix)
	other, _, _ := NewSecret(APITokenPrefix)
	if secret == other || !strings.HasPrefix(secret, shown) || len(shown) != len(APITokenPrefix)+shownSecret || hash != HashSecret(secret) {
		t.Errorf("%s %s %s", secret, shown, hash)
	}
	code := NewSetupCode()
	for _, typed := range []string{code, strings.ToLower(code), strings.ReplaceAll(code, "-", ""), " " + strings.ReplaceAll(code, "-", " - ") + "\n"} {
		if NormalSetupCode(typed) != code {
			t.Errorf("%q is not taken for %q", typed, code)
		}
	}
	if NormalSetupCode("") == code || NormalSetupCode("ABC") == code {
		t.Error("any code will do")
	}
}

func TestRoles(t *testing.T) {
	all := Permissions([]string{Administrator})
	for _, r := range Roles() {
		for _, p := range Permissions([]string{r}) {
			if !slices.Contains(all, p) {
				t.Errorf("%s may %s and the administrator may not", r, p)
			}
			if r == Auditor && strings.HasSuffix(string(p), ":write") {
				t.Errorf("an auditor may %s", p)
			}
		}
	}
	dev := NewPrincipal("t", "d", []string{Developer})
	if dev.May(AuditRead) || dev.May(PoliciesWrite) || !dev.May(EventsRead) || !dev.May(SignedIn) || !dev.May(Public) {
		t.Error("a developer's permissions are wrong")
	}
	var none Principal
	if none.May(SignedIn) || none.May(EventsRead) || !none.May(Public) {
		t.Error("nobody has permissions")
	}
	if NewPrincipal("t", "s", []string{Security}).MayGrant([]string{Administrator}) {
		t.Error("security may make administrators")
	}
	if len(Permissions([]string{"root"})) != 0 || IsRole("root") {
		t.Error("an unknown role gives something")
	}
}

func TestLimiter(t *testing.T) {
	l := Limiter{Burst: 3, Every: time.Second}
	now := time.Now()
	for i := range 3 {
		if ok, _ := l.Allow("a", now); !ok {
			t.Errorf("try %d is refused", i)
		}
	}
	ok, wait := l.Allow("a", now)
	if ok || wait <= 0 || wait > time.Second {
		t.Errorf("the fourth try: %v, wait %v", ok, wait)
	}
	if ok, _ := l.Allow("b", now); !ok {
		t.Error("one name's tries count for another")
	}
	if ok, _ := l.Allow("a", now.Add(1100*time.Millisecond)); !ok {
		t.Error("no refill")
	}
	l.Forget("a")
	if ok, _ := l.Allow("a", now.Add(1100*time.Millisecond)); !ok {
		t.Error("not forgotten")
	}
}

func TestLimiterIsBounded(t *testing.T) {
	l := Limiter{Burst: 1, Every: time.Hour}
	now := time.Now()
	for i := range maxBuckets + 10 {
		l.Allow(string(rune(i))+"x", now)
	}
	if n := len(l.buckets); n > maxBuckets {
		t.Errorf("%d buckets", n)
	}
	if ok, _ := l.Allow("late", now); ok {
		t.Error("a full table lets new names through")
	}
	if ok, _ := l.Allow("late", now.Add(2*time.Hour)); !ok {
		t.Error("a table of full buckets is not emptied")
	}
}

func FuzzCheckPassword(f *testing.F) {
	f.Add("$argon2id$v=19$m=8,t=1,p=1$AAAA$AAAA", "x")
	f.Add("$argon2id$v=19$m=8,t=1,p=1$$", "")
	f.Fuzz(func(_ *testing.T, hash, password string) {
		if strings.Count(hash, "$") == 5 && !strings.Contains(hash, "m=8,t=1,p=1") {
			return // do not spend minutes on a costly hash
		}
		_ = CheckPassword(hash, password)
	})
}
