(* The witness `newton` on interleaved prompts, tokens x_1, y_1, x_2, y_2, ... as in Fu et al. 2023.
   In the first layer three ReLU heads give x_i's token its y_i; from there on all is as on a joint
   prompt, whose tokens with x = 0 say nothing. With linear heads, and with ReLU pairs for them. *)
Require Import Prelude Matrices Iterations Layer Weights_newton Newton Relu.

Section Interleaved.
Variable F : realFieldType.
Local Notation relu := (@Relu.relu F).

Lemma relu_of_positive u : 0 <= u -> relu u = u. Proof. by move=> ?; rewrite /Relu.relu max_l. Qed.
Lemma relu_of_negative u : u <= 0 -> relu u = 0. Proof. by move=> ?; rewrite /Relu.relu max_r. Qed.

(* Three ReLUs add up to 1 at 0 and to 0 at every other integer. [supports newton] *)
Theorem hat (u : int) :
  relu (u%:~R + 1) - 2%:R * relu u%:~R + relu (u%:~R - 1) = (u == 0)%:R.
Proof.
case: u => [[|k]|k].
- rewrite [0%:~R]/(0 : F) add0r sub0r (relu_of_positive ler01) relu_of_negative //.
  by rewrite relu_of_negative ?lerN10 // mulr0 subr0 addr0.
- have k0 : 0 <= k%:R :> F by rewrite ler0n.
  have -> : (k.+1%:Z)%:~R = k%:R + 1 :> F by rewrite -pmulrn -addn1 natrD.
  by rewrite addrK !relu_of_positive ?addr_ge0 ?ler01 //=; ring.
have k0 : 0 <= k%:R :> F by rewrite ler0n.
have -> : (Negz k)%:~R = - (k%:R + 1) :> F by rewrite NegzE mulrNz -pmulrn -addn1 natrD.
rewrite opprD addrNK !relu_of_negative ?mulr0 ?subr0 ?addr0 //;
  by rewrite -?opprD oppr_le0 ?addr_ge0 ?ler01.
Qed.

(* Three heads, from tokens with the numbers b: with these scores and values, token t reads v from
   the token whose number is that which it wants. *)
Lemma read_numbered p q c (wanted : 'I_p -> nat) (b : 'I_q -> nat)
    (above middle below : 'M[F]_(p, q)) (v v' v'' : 'M[F]_(q, c)) :
  let u t j : F := (b j)%:R - (wanted t)%:R in
  (forall t j, above t j = u t j + 1) -> (forall t j, middle t j = u t j) ->
  (forall t j, below t j = u t j - 1) ->
  (forall j i, v' j i = - 2%:R * v j i) -> (forall j i, v'' j i = v j i) ->
  map_mx relu above *m v + (map_mx relu middle *m v' + map_mx relu below *m v'') =
  (\matrix_(t, j) (b j == wanted t)%:R) *m v.
Proof.
move=> u Ea Em Eb Ev Ev'; have -> : v'' = v by apply/matrixP.
have -> : v' = - 2%:R *: v by apply/matrixP => j i; rewrite mxE.
rewrite addrA -scalemxAr scalemxAl -!mulmxDl; congr (_ *m v); apply/matrixP => t j.
have := hat ((b j)%:Z - (wanted t)%:Z); rewrite subr_eq0 eqz_nat rmorphB /= -!pmulrn => unit.
by rewrite !mxE Ea Em Eb /u -unit mulNr.
Qed.

(* x_i's token reads y_i, the token of y_i nothing (the next one is x's, or a query). *)
Lemma y_is_next n (y : 'cV[F]_n) :
  (\matrix_(t, j) (interleaved_number 0 j == (interleaved_number 0 t).+1)%:R) *m col_mx 0 y =
  col_mx y 0 :> 'cV_(n + n).
Proof.
apply/matrixP => t i; rewrite [LHS]mxE big_split_ord /= big1 ?add0r => [|j _]; last first.
  by rewrite col_mxEu !mxE mulr0.
rewrite (eq_bigr (fun j : 'I_n => (j.*2 == interleaved_number 0 t)%:R * y j i)) => [|j _];
  last first.
  by rewrite col_mxEd !mxE /interleaved_number (unsplitK (inr _)).
rewrite /interleaved_number add0n [RHS]mxE; case: (split t) => [s|s].
  rewrite (bigD1 s) //= big1 ?addr0 => [|j /negPf js]; first by rewrite eqxx mul1r.
  by rewrite -!muln2 eqn_pmul2r // [_ == _ :> nat]js mul0r.
rewrite mxE big1 // => j _; case: eqP => [/(congr1 odd)|_]; last by rewrite mul0r.
by rewrite /= !odd_double.
Qed.

(* A query reads nothing: its number is 2n or more. *)
Lemma nothing_is_next n m (y : 'cV[F]_n) :
  (\matrix_(t, j) (interleaved_number 0 j == (n.*2 + t).+1)%:R : 'M_(m, n + n)) *m
    col_mx 0 y = 0.
Proof.
apply/matrixP => t i; rewrite !mxE big1 // => j _; rewrite mxE; case: eqP => [eq|_]; last first.
  by rewrite mul0r.
suff: (interleaved_number 0 j < n.*2)%N by rewrite eq ltnNge -addnS leq_addr.
rewrite /interleaved_number add0n; case: (split j) => s; first by rewrite ltn_double.
by rewrite -doubleS leq_double.
Qed.

Variables (alpha : F) (positions n m d : nat).
Variables (X : 'M[F]_(n, d)) (y : 'cV[F]_n) (Q : 'M[F]_(m, d)).
Let S := X^T *m X.
Let two : 2%:R != 0 :> F. Proof. by rewrite pnatr_eq0. Qed.

(* After the first layer the tokens hold these x and y, as those of a joint prompt of size 2n. *)
Let Z : 'M[F]_(n + n, d) := col_mx X 0.
Let z : 'cV[F]_(n + n) := col_mx y y.

Lemma gram : Z^T *m Z = S.
Proof. by rewrite tr_col_mx mul_row_col mulmx0 addr0. Qed.

Lemma moment : Z^T *m z = X^T *m y.
Proof. by rewrite tr_col_mx mul_row_col trmx0 mul0mx addr0. Qed.

Ltac pairs := words; rewrite ?(scaleN1r, relu_opposite, mulmxBl); linear_combination; field.
Ltac embedded := rewrite -[(false + _)%N]/(n + n)%N.
Ltac fetched number :=
  rewrite -!addrA (@read_numbered _ _ _ (fun t => (number t).+1) (interleaved_number 0));
  [ rewrite ?y_is_next ?nothing_is_next //; embedded; by rewrite (@add_col_mx F) add0r addr0
  | by move=> ? ?; rewrite ?mxE ?big_ord1 ?mxE ?mulrS; ring .. ].

(* The first layer, each layer after it, and the read-out, by linear heads or by ReLU pairs. *)
Ltac first_layer :=
  rewrite /newton_holds -gram; split; [split; split|]; evaluate; forget_idle_heads; simplify;
  [ by [] | by embedded; rewrite -/Z; move: Z => ?; pairs | by fetched (@interleaved_number 0 n)
  | by [] | by embedded; rewrite -/Z; move: Z => ?; pairs | by []
  | by fetched (fun t : 'I_m => n.*2 + t)%N ].
Ltac one_layer :=
  rewrite /newton_holds /newton_update -gram; case=> c q /= known; known_slots; split; split;
  execute; put_slots => //; move: Z => ?; pairs.
Ltac read_out :=
  rewrite /newton_holds -moment; case=> c q /= known; known_slots; execute; put_slots;
  move: Z z => ? ?; pairs.

(* M_0 = alpha S in one layer, in which x_i's token gets y_i and no other token any.
   [supports newton] *)
Theorem interleaved_initial :
  let all := run relu n (newton_interleaved_start d alpha)
    (embed positions (newton_interleaved d alpha 0) X y Q) in
  newton_holds Z z Q all (alpha *: S) /\ queries all Scalar "y" = 0.
Proof. by first_layer. Qed.

(* One layer is one iteration. [supports newton] *)
Theorem interleaved_layer (all : tokens F d positions (n + n) m) T :
  newton_holds Z z Q all T ->
  newton_holds Z z Q (run relu n (newton_interleaved_step F d) all) (newton_update S T).
Proof. by move: all; one_layer. Qed.

(* The read-out, a sum over the tokens that hold both x and y. [supports newton] *)
Theorem interleaved_readout (all : tokens F d positions (n + n) m) T :
  newton_holds Z z Q all T ->
  queries (run relu n (newton_interleaved_end F d) all) Scalar "p" = Q *m (T *m (X^T *m y)).
Proof. by move: all; read_out. Qed.

(* Prompt to prediction, for every n, m, d and k. [supports newton] *)
Theorem newton_interleaved_predicts k :
  predict relu positions (newton_interleaved d alpha k) X y Q =
  newton_interleaved_formula alpha X y Q k.
Proof.
have [start _] := interleaved_initial; have holds := repeated interleaved_layer k start.
rewrite [RHS](newton_formulaE alpha X y Q k).
by rewrite /predict /= !run_cat -(interleaved_readout holds) scale1r.
Qed.

(* The same by ReLU heads alone: the first layer. [supports newton] *)
Theorem relu_interleaved_initial :
  let all := run relu n (newton_relu_interleaved_start d alpha)
    (embed positions (newton_relu_interleaved d alpha 0) X y Q) in
  newton_holds Z z Q all (alpha *: S) /\ queries all Scalar "y" = 0.
Proof. by first_layer. Qed.

(* One layer of ReLU pairs is one iteration. [supports newton] *)
Theorem relu_interleaved_layer (all : tokens F d positions (n + n) m) T :
  newton_holds Z z Q all T ->
  newton_holds Z z Q (run relu n (newton_relu_interleaved_step F d) all) (newton_update S T).
Proof. by move: all; one_layer. Qed.

(* The read-out by a ReLU pair. [supports newton] *)
Theorem relu_interleaved_readout (all : tokens F d positions (n + n) m) T :
  newton_holds Z z Q all T ->
  queries (run relu n (newton_relu_interleaved_end F d) all) Scalar "p" = Q *m (T *m (X^T *m y)).
Proof. by move: all; read_out. Qed.

(* Prompt to prediction by ReLU heads alone, for every n, m, d and k. [supports newton] *)
Theorem newton_relu_interleaved_predicts k :
  predict relu positions (newton_relu_interleaved d alpha k) X y Q =
  newton_relu_interleaved_formula alpha X y Q k.
Proof.
have [start _] := relu_interleaved_initial; have holds := repeated relu_interleaved_layer k start.
rewrite [RHS](newton_formulaE alpha X y Q k).
by rewrite /predict /= !run_cat -(relu_interleaved_readout holds) scale1r.
Qed.

End Interleaved.
