(* The iterations themselves, without a network: Newton-Schulz and the third-order iteration.
   Notation: S = X^T X, M_0 given.
     Newton      M <- 2M - M S M              (Fu et al. 2023, section 5)
     hyperpower  T <- T (3I - 3 S T + (S T)^2)
     gradient descent on (1/2)|Xw - y|^2 with step alpha, b = X^T y:  w <- w - alpha (S w - b) *)
Require Import Prelude Matrices.

Section Iterations.
Variables (R : comRingType) (d : nat).
Implicit Types S M T : 'M[R]_d.

Definition newton_update S M := 2%:R *: M - M *m S *m M.
Definition newton_iterate S M0 k := iter k (newton_update S) M0.

Definition hyperpower_update S T := T *m (3%:R%:M - 3%:R *: (S *m T) + S *m T *m (S *m T)).
Definition hyperpower_iterate S T0 k := iter k (hyperpower_update S) T0.

Definition descent_step (alpha : R) S (b w : 'cV[R]_d) := w - alpha *: (S *m w - b).
Definition descent_iterate alpha S b w0 k := iter k (descent_step alpha S b) w0.

(* One step squares the residual: I - M' S = (I - M S)^2. *)
Lemma newton_residual_step S M :
  1%:M - newton_update S M *m S = (1%:M - M *m S) *m (1%:M - M *m S).
Proof. rewrite /newton_update; linear_combination; ring. Qed.

(* I - M_k S = (I - M_0 S)^(2^k) [supports newton] *)
Theorem newton_residual S M0 k :
  1%:M - newton_iterate S M0 k *m S = power (1%:M - M0 *m S) (2 ^ k).
Proof.
elim: k => [|k IH]; first by rewrite power1.
by rewrite /newton_iterate iterS newton_residual_step IH expnS mul2n -addnn powerD.
Qed.

Lemma hyperpower_update_sym S T :
  S^T = S -> T^T = T -> (hyperpower_update S T)^T = hyperpower_update S T.
Proof.
by move=> St Tt; rewrite /hyperpower_update; words; rewrite St Tt; linear_combination; ring.
Qed.

Lemma hyperpower_residual_step S T :
  1%:M - hyperpower_update S T *m S =
  (1%:M - T *m S) *m ((1%:M - T *m S) *m (1%:M - T *m S)).
Proof. rewrite /hyperpower_update; linear_combination; ring. Qed.

(* I - T_k S = (I - T_0 S)^(3^k) [supports hyperpower] *)
Theorem hyperpower_residual S T0 k :
  1%:M - hyperpower_iterate S T0 k *m S = power (1%:M - T0 *m S) (3 ^ k).
Proof.
elim: k => [|k IH]; first by rewrite power1.
rewrite /hyperpower_iterate iterS hyperpower_residual_step IH expnS.
by rewrite !mulSn mul0n addn0 !powerD.
Qed.

(* m steps of size alpha from zero: w_m = alpha (I + E + ... + E^(m-1)) b, E = I - alpha S. *)
Lemma descent_closed alpha S b m :
  descent_iterate alpha S b 0 m = alpha *: (geometric (1%:M - alpha *: S) m *m b).
Proof.
elim: m => [|m IH]; first by rewrite /geometric big_ord0 mul0mx scaler0.
rewrite /descent_iterate iterS -/(descent_iterate _ _ _ _ _) IH /descent_step geometricS.
linear_combination; ring.
Qed.

Lemma newton_from_identity alpha S k :
  newton_iterate S (alpha%:M) k = alpha *: geometric (1%:M - alpha *: S) (2 ^ k).
Proof.
elim: k => [|k IH].
  by rewrite /geometric big_ord1 scalemx1.
have E := newton_residual S alpha%:M k; rewrite mul_scalar_mx in E.
rewrite expnS mul2n -addnn geometricD -E scalerDr.
rewrite /newton_iterate iterS -/(newton_iterate _ _ _) /newton_update.
by rewrite scalemxAr -IH; linear_combination; ring.
Qed.

(* k Newton steps from M_0 = alpha I are 2^k gradient steps of size alpha from zero.
   [supports newton] *)
Theorem newton_is_descent alpha S b k :
  newton_iterate S (alpha%:M) k *m b = descent_iterate alpha S b 0 (2 ^ k).
Proof. by rewrite newton_from_identity descent_closed scalemxAl. Qed.

Lemma hyperpower_from_identity alpha S k :
  hyperpower_iterate S (alpha%:M) k = alpha *: geometric (1%:M - alpha *: S) (3 ^ k).
Proof.
elim: k => [|k IH].
  by rewrite /geometric big_ord1 scalemx1.
have E := hyperpower_residual S alpha%:M k; rewrite mul_scalar_mx in E.
rewrite expnS !mulSn mul0n addn0 !geometricD -E !(scalerDr, mulmxDr).
rewrite /hyperpower_iterate iterS -/(hyperpower_iterate _ _ _) /hyperpower_update.
by rewrite !scalemxAr -IH; linear_combination; ring.
Qed.

(* k hyperpower steps from T_0 = alpha I are 3^k gradient steps of size alpha from zero.
   [supports hyperpower] *)
Theorem hyperpower_is_descent alpha S b k :
  hyperpower_iterate S (alpha%:M) k *m b = descent_iterate alpha S b 0 (3 ^ k).
Proof. by rewrite hyperpower_from_identity descent_closed scalemxAl. Qed.

End Iterations.
