(* The pass of TokenPass.v over a whole prompt: prompt to prediction, equal to ridge regression. *)
Require Import Prelude Matrices ShermanMorrison Layer Weights_sherman_morrison TokenPass.

Section Ridge.
Variables (F : realFieldType) (relu : F -> F) (lambda : F).
Hypothesis positive : 0 < lambda.
Variables (k m d : nat) (X : 'M[F]_(k.+1, d)) (y : 'cV[F]_k.+1) (Q : 'M[F]_(m, d)).

Notation state := (state lambda X y).

Lemma pass_reaches i (small : (i < k.+1)%N) :
  pass_holds X y Q
    (run relu k.+1 (flatten (map (sherman_morrison_tokens_step F d) (iota 0 i)))
      (run relu k.+1 (sherman_morrison_tokens_start F d)
        (embed k.+1 (sherman_morrison_tokens d lambda 0) X y Q)))
    (state i).1 (state i).2 (gate F (Ordinal small)) 1.
Proof.
elim: i small => [|i IH] small; first by rewrite /ShermanMorrison.state take0; exact: pass_embedded.
have -> : iota 0 i.+1 = (iota 0 i ++ [:: i])%SEQ by rewrite -addn1 iotaD.
rewrite map_cat flatten_cat run_cat [flatten (map _ [:: i])]cats0.
have before := IH (ltnW small); set all := run relu k.+1 _ _ in before *.
have divided := divide_holds relu (state_regular positive X y i _) before.
have := @update_holds _ relu _ _ _ X y Q _ _ (Ordinal (ltnW small)) (state_regular positive X y i _) _
  (Ordinal small) erefl divided.
have step : state i.+1 = absorb (state i)
    ((row (Ordinal (ltnW small)) X)^T, y (Ordinal (ltnW small)) 0) := stateS lambda X y (Ordinal (ltnW small)).
rewrite step.
by rewrite -run_cat; case: (state i).
Qed.

(* Prompt to prediction: ridge regression on all k + 1 examples, for every query, n, m and d.
   [supports sherman_morrison] *)
Theorem tokens_predict_ridge :
  predict relu k.+1 (sherman_morrison_tokens d lambda k) X y Q =
  sherman_morrison_tokens_formula lambda X y Q k /\
  sherman_morrison_tokens_formula lambda X y Q k =
  Q *m (invmx (lambda%:M + X^T *m X) *m (X^T *m y)).
Proof.
have formula := sherman_morrison_formulaE positive X y Q.
split; last exact: formula.
rewrite [RHS]formula.
have before := pass_reaches (ltnSn k).
have divided := divide_holds relu (state_regular positive X y k _) before.
have read := last_holds relu (state_regular positive X y k _) divided.
have final : state k.+1 = absorb (state k)
    ((row (Ordinal (ltnSn k)) X)^T, y (Ordinal (ltnSn k)) 0) := stateS lambda X y (Ordinal (ltnSn k)).
have ridge : state k.+1 = (invmx (lambda%:M + X^T *m X), invmx (lambda%:M + X^T *m X) *m (X^T *m y)).
  by rewrite -(pass_is_ridge positive) /ShermanMorrison.state take_oversize // size_map size_enum_ord.
rewrite -surjective_pairing -final ridge -run_cat -run_cat in read.
rewrite /predict scaleN1r -[RHS]opprK -read; congr (- _).
rewrite -[layers _]/((sherman_morrison_tokens_start F d
  ++ flatten (map (sherman_morrison_tokens_step F d) (iota 0 k))) ++ sherman_morrison_tokens_end F d)%SEQ.
by rewrite run_cat.
Qed.
End Ridge.
